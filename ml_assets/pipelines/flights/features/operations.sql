-- What was known of the day's operations at prediction time.
-- A window's sum is the running sum at prediction time less the one at the window's start: two ASOF
-- joins, linear in the rows. Sums are of integers: the same for any number of threads, and whatever
-- history is visible before the window. Rows known in the same minute share one running sum.
WITH flights AS (
    SELECT
        flight_date,
        carrier,
        flight_number,
        origin,
        destination,
        scheduled_departure,
        scheduled_departure - INTERVAL 2 HOUR AS prediction_time
    FROM cleaned.schedule
),

departures AS (
    SELECT
        origin,
        carrier,
        known_at,
        -- One delay of a day would hide what the other flights say.
        least(departure_delay, 180) AS delay
    FROM cleaned.departures
),

arrivals AS (
    SELECT
        carrier,
        destination,
        known_at,
        (arrival_delay >= 15)::INTEGER AS late
    FROM cleaned.arrivals
),

origin_running AS (
    SELECT
        origin,
        known_at,
        count(known_at) OVER running AS departures,
        (sum(delay) OVER running)::BIGINT AS delay
    FROM departures
    WINDOW running AS (PARTITION BY origin ORDER BY known_at)
),

origin_carrier_running AS (
    SELECT
        origin,
        carrier,
        known_at,
        count(known_at) OVER running AS departures,
        (sum(delay) OVER running)::BIGINT AS delay
    FROM departures
    WINDOW running AS (PARTITION BY origin, carrier ORDER BY known_at)
),

airports_running AS (
    SELECT
        known_at,
        count(known_at) OVER running AS departures,
        (sum(delay) OVER running)::BIGINT AS delay
    FROM departures
    WINDOW running AS (ORDER BY known_at)
),

carrier_running AS (
    SELECT
        carrier,
        known_at,
        count(known_at) OVER running AS arrivals,
        (sum(late) OVER running)::BIGINT AS late
    FROM arrivals
    WINDOW running AS (PARTITION BY carrier ORDER BY known_at)
),

destination_running AS (
    SELECT
        destination,
        known_at,
        count(known_at) OVER running AS arrivals,
        (sum(late) OVER running)::BIGINT AS late
    FROM arrivals
    WINDOW running AS (PARTITION BY destination ORDER BY known_at)
),

windows AS (
    SELECT
        flights.*,
        coalesce(origin_now.departures, 0)
            - coalesce(origin_3h.departures, 0) AS origin_departures_3h,
        coalesce(origin_now.delay, 0)
            - coalesce(origin_3h.delay, 0) AS origin_delay_sum_3h,
        coalesce(origin_now.departures, 0)
            - coalesce(origin_24h.departures, 0) AS origin_departures_24h,
        coalesce(origin_now.delay, 0)
            - coalesce(origin_24h.delay, 0) AS origin_delay_sum_24h,
        coalesce(origin_carrier_now.departures, 0)
            - coalesce(origin_carrier_6h.departures, 0) AS origin_carrier_departures_6h,
        coalesce(origin_carrier_now.delay, 0)
            - coalesce(origin_carrier_6h.delay, 0) AS origin_carrier_delay_sum_6h,
        coalesce(airports_now.departures, 0)
            - coalesce(airports_3h.departures, 0) AS airports_departures_3h,
        coalesce(airports_now.delay, 0)
            - coalesce(airports_3h.delay, 0) AS airports_delay_sum_3h,
        coalesce(carrier_now.arrivals, 0)
            - coalesce(carrier_24h.arrivals, 0) AS carrier_arrivals_24h,
        coalesce(carrier_now.late, 0)
            - coalesce(carrier_24h.late, 0) AS carrier_late_24h,
        coalesce(destination_now.arrivals, 0)
            - coalesce(destination_24h.arrivals, 0) AS destination_arrivals_24h,
        coalesce(destination_now.late, 0)
            - coalesce(destination_24h.late, 0) AS destination_late_24h
    FROM flights
    ASOF LEFT JOIN origin_running AS origin_now
        ON flights.origin = origin_now.origin
        AND flights.prediction_time >= origin_now.known_at
    ASOF LEFT JOIN origin_running AS origin_3h
        ON flights.origin = origin_3h.origin
        AND flights.prediction_time - INTERVAL 3 HOUR >= origin_3h.known_at
    ASOF LEFT JOIN origin_running AS origin_24h
        ON flights.origin = origin_24h.origin
        AND flights.prediction_time - INTERVAL 24 HOUR >= origin_24h.known_at
    ASOF LEFT JOIN origin_carrier_running AS origin_carrier_now
        ON flights.origin = origin_carrier_now.origin
        AND flights.carrier = origin_carrier_now.carrier
        AND flights.prediction_time >= origin_carrier_now.known_at
    ASOF LEFT JOIN origin_carrier_running AS origin_carrier_6h
        ON flights.origin = origin_carrier_6h.origin
        AND flights.carrier = origin_carrier_6h.carrier
        AND flights.prediction_time - INTERVAL 6 HOUR >= origin_carrier_6h.known_at
    ASOF LEFT JOIN airports_running AS airports_now
        ON flights.prediction_time >= airports_now.known_at
    ASOF LEFT JOIN airports_running AS airports_3h
        ON flights.prediction_time - INTERVAL 3 HOUR >= airports_3h.known_at
    ASOF LEFT JOIN carrier_running AS carrier_now
        ON flights.carrier = carrier_now.carrier
        AND flights.prediction_time >= carrier_now.known_at
    ASOF LEFT JOIN carrier_running AS carrier_24h
        ON flights.carrier = carrier_24h.carrier
        AND flights.prediction_time - INTERVAL 24 HOUR >= carrier_24h.known_at
    ASOF LEFT JOIN destination_running AS destination_now
        ON flights.destination = destination_now.destination
        AND flights.prediction_time >= destination_now.known_at
    ASOF LEFT JOIN destination_running AS destination_24h
        ON flights.destination = destination_24h.destination
        AND flights.prediction_time - INTERVAL 24 HOUR >= destination_24h.known_at
)

SELECT
    flight_date,
    carrier,
    flight_number,
    origin,
    scheduled_departure,
    prediction_time,
    origin_departures_3h::INTEGER AS origin_departures_3h,
    origin_delay_sum_3h / nullif(origin_departures_3h, 0) AS origin_delay_3h,
    origin_departures_24h::INTEGER AS origin_departures_24h,
    origin_delay_sum_24h / nullif(origin_departures_24h, 0) AS origin_delay_24h,
    origin_carrier_departures_6h::INTEGER AS origin_carrier_departures_6h,
    origin_carrier_delay_sum_6h
        / nullif(origin_carrier_departures_6h, 0) AS origin_carrier_delay_6h,
    airports_departures_3h::INTEGER AS airports_departures_3h,
    airports_delay_sum_3h / nullif(airports_departures_3h, 0) AS airports_delay_3h,
    carrier_late_24h / nullif(carrier_arrivals_24h, 0) AS carrier_late_rate_24h,
    destination_late_24h
        / nullif(destination_arrivals_24h, 0) AS destination_late_rate_24h
FROM windows
