-- Local hours are ambiguous on the night the clocks go back, so the hour in UTC is the key.
SELECT
    origin,
    time_hour AS observed_at,
    temp AS temperature,
    dewp AS dew_point,
    humid AS humidity,
    wind_dir AS wind_direction,
    wind_speed,
    wind_gust,
    precip AS precipitation,
    pressure,
    visib AS visibility,
    time_hour AS known_at
FROM raw.weather
QUALIFY row_number() OVER (PARTITION BY origin, time_hour ORDER BY temp, wind_speed) = 1
