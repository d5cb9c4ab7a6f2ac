-- How often comparable flights were late in the 28 days before prediction time, and how many they
-- were. Windows are differences of running sums, as in operations.
WITH flights AS (
    SELECT
        flight_date,
        carrier,
        flight_number,
        origin,
        destination,
        hour(timezone(getvariable('time_zone'), scheduled_departure)) AS departure_hour,
        scheduled_departure,
        scheduled_departure - INTERVAL 2 HOUR AS prediction_time
    FROM cleaned.schedule
),

arrivals AS (
    SELECT
        carrier,
        flight_number,
        origin,
        destination,
        hour(timezone(getvariable('time_zone'), scheduled_departure)) AS departure_hour,
        known_at,
        (arrival_delay >= 15)::INTEGER AS late
    FROM cleaned.arrivals
),

route_running AS (
    SELECT
        origin,
        carrier,
        destination,
        known_at,
        count(known_at) OVER running AS arrivals,
        (sum(late) OVER running)::BIGINT AS late
    FROM arrivals
    WINDOW running AS (PARTITION BY origin, carrier, destination ORDER BY known_at)
),

flight_running AS (
    SELECT
        carrier,
        flight_number,
        destination,
        known_at,
        count(known_at) OVER running AS arrivals,
        (sum(late) OVER running)::BIGINT AS late
    FROM arrivals
    WINDOW running AS (PARTITION BY carrier, flight_number, destination ORDER BY known_at)
),

origin_hour_running AS (
    SELECT
        origin,
        departure_hour,
        known_at,
        count(known_at) OVER running AS arrivals,
        (sum(late) OVER running)::BIGINT AS late
    FROM arrivals
    WINDOW running AS (PARTITION BY origin, departure_hour ORDER BY known_at)
),

windows AS (
    SELECT
        flights.*,
        coalesce(route_now.arrivals, 0)
            - coalesce(route_28d.arrivals, 0) AS route_arrivals_28d,
        coalesce(route_now.late, 0)
            - coalesce(route_28d.late, 0) AS route_late_28d,
        coalesce(flight_now.arrivals, 0)
            - coalesce(flight_28d.arrivals, 0) AS flight_arrivals_28d,
        coalesce(flight_now.late, 0)
            - coalesce(flight_28d.late, 0) AS flight_late_28d,
        coalesce(origin_hour_now.arrivals, 0)
            - coalesce(origin_hour_28d.arrivals, 0) AS origin_hour_arrivals_28d,
        coalesce(origin_hour_now.late, 0)
            - coalesce(origin_hour_28d.late, 0) AS origin_hour_late_28d
    FROM flights
    ASOF LEFT JOIN route_running AS route_now
        ON flights.origin = route_now.origin
        AND flights.carrier = route_now.carrier
        AND flights.destination = route_now.destination
        AND flights.prediction_time >= route_now.known_at
    ASOF LEFT JOIN route_running AS route_28d
        ON flights.origin = route_28d.origin
        AND flights.carrier = route_28d.carrier
        AND flights.destination = route_28d.destination
        AND flights.prediction_time - INTERVAL 28 DAY >= route_28d.known_at
    ASOF LEFT JOIN flight_running AS flight_now
        ON flights.carrier = flight_now.carrier
        AND flights.flight_number = flight_now.flight_number
        AND flights.destination = flight_now.destination
        AND flights.prediction_time >= flight_now.known_at
    ASOF LEFT JOIN flight_running AS flight_28d
        ON flights.carrier = flight_28d.carrier
        AND flights.flight_number = flight_28d.flight_number
        AND flights.destination = flight_28d.destination
        AND flights.prediction_time - INTERVAL 28 DAY >= flight_28d.known_at
    ASOF LEFT JOIN origin_hour_running AS origin_hour_now
        ON flights.origin = origin_hour_now.origin
        AND flights.departure_hour = origin_hour_now.departure_hour
        AND flights.prediction_time >= origin_hour_now.known_at
    ASOF LEFT JOIN origin_hour_running AS origin_hour_28d
        ON flights.origin = origin_hour_28d.origin
        AND flights.departure_hour = origin_hour_28d.departure_hour
        AND flights.prediction_time - INTERVAL 28 DAY >= origin_hour_28d.known_at
)

SELECT
    flight_date,
    carrier,
    flight_number,
    origin,
    scheduled_departure,
    prediction_time,
    route_arrivals_28d::INTEGER AS route_arrivals_28d,
    route_late_28d / nullif(route_arrivals_28d, 0) AS route_late_rate_28d,
    flight_arrivals_28d::INTEGER AS flight_arrivals_28d,
    flight_late_28d / nullif(flight_arrivals_28d, 0) AS flight_late_rate_28d,
    origin_hour_arrivals_28d::INTEGER AS origin_hour_arrivals_28d,
    origin_hour_late_28d / nullif(origin_hour_arrivals_28d, 0) AS origin_hour_late_rate_28d
FROM windows
