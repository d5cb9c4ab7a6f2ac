"""Jobs, schedules and sensors of a pipeline."""

from ml_assets.automation.jobs import pipeline_automation

__all__ = ["pipeline_automation"]
