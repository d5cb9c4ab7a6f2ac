-- Known two weeks ahead, so every flight's row may count the other flights of its hour.
-- An hour never crosses the bounds of a slice: the count needs no lookback.
SELECT
    flight_date,
    carrier,
    flight_number,
    origin,
    scheduled_departure,
    scheduled_departure - INTERVAL 2 HOUR AS prediction_time,
    destination,
    distance,
    departure_minute,
    isodow(flight_date)::TINYINT AS weekday,
    arrival_minute,
    block_minutes,
    (count(*) OVER (
        PARTITION BY origin, date_trunc('hour', scheduled_departure)
    ))::INTEGER AS departures_in_hour
FROM cleaned.schedule
