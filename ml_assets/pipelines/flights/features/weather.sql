-- The last observation known at prediction time, with its age; after two days it counts as unknown,
-- so that the lookback is bounded.
WITH flights AS (
    SELECT
        flight_date,
        carrier,
        flight_number,
        origin,
        scheduled_departure,
        scheduled_departure - INTERVAL 2 HOUR AS prediction_time
    FROM cleaned.schedule
),

latest AS (
    SELECT
        flights.*,
        weather.observed_at
    FROM flights
    ASOF LEFT JOIN cleaned.weather
        ON flights.origin = weather.origin
        AND flights.prediction_time >= weather.known_at
)

SELECT
    latest.flight_date,
    latest.carrier,
    latest.flight_number,
    latest.origin,
    latest.scheduled_departure,
    latest.prediction_time,
    weather.temperature,
    weather.dew_point,
    weather.humidity,
    weather.wind_direction,
    weather.wind_speed,
    weather.wind_gust,
    weather.precipitation,
    weather.pressure,
    weather.visibility,
    date_diff('minute', weather.observed_at, latest.prediction_time)::INTEGER AS weather_age
FROM latest
LEFT JOIN cleaned.weather
    ON latest.origin = weather.origin
    AND latest.observed_at = weather.observed_at
    AND weather.observed_at > latest.prediction_time - INTERVAL 2 DAY
