-- The plane itself, and what was known of its last flight out of the same three airports. A plane
-- not seen for two days counts as not seen, so that the lookback is bounded.
WITH flights AS (
    SELECT
        flight_date,
        carrier,
        flight_number,
        origin,
        tail_number,
        scheduled_departure,
        scheduled_departure - INTERVAL 2 HOUR AS prediction_time,
        -- Only cancelled flights lack a tail number: they get the leg that every plane's first
        -- flight of a day has, so that no value of their own tells the outcome.
        CASE WHEN tail_number IS NULL THEN 1 ELSE row_number() OVER (
            PARTITION BY tail_number, flight_date
            ORDER BY scheduled_departure, carrier, flight_number, origin
        ) END AS leg
    FROM cleaned.schedule
),

departures AS (
    SELECT
        tail_number,
        known_at,
        max(departed_at) AS departed_at,
        max(departure_delay) AS delay
    FROM cleaned.departures
    GROUP BY tail_number, known_at
),

arrivals AS (
    SELECT
        tail_number,
        known_at,
        max(arrival_delay) AS delay
    FROM cleaned.arrivals
    GROUP BY tail_number, known_at
)

SELECT
    flights.flight_date,
    flights.carrier,
    flights.flight_number,
    flights.origin,
    flights.scheduled_departure,
    flights.prediction_time,
    (year(flights.flight_date) - planes.year_built)::SMALLINT AS plane_age,
    planes.seats AS plane_seats,
    planes.maker AS plane_maker,
    planes.tail_number IS NULL AS plane_unknown,
    CASE
        WHEN departures.known_at > flights.prediction_time - INTERVAL 2 DAY THEN departures.delay
    END AS aircraft_departure_delay,
    CASE
        WHEN arrivals.known_at > flights.prediction_time - INTERVAL 2 DAY THEN arrivals.delay
    END AS aircraft_arrival_delay,
    CASE
        WHEN departures.known_at > flights.prediction_time - INTERVAL 2 DAY
            THEN date_diff('minute', departures.departed_at, flights.scheduled_departure)
    END::INTEGER AS aircraft_gap,
    flights.leg::TINYINT AS aircraft_leg
FROM flights
LEFT JOIN cleaned.planes USING (tail_number)
ASOF LEFT JOIN departures
    ON flights.tail_number = departures.tail_number
    AND flights.prediction_time >= departures.known_at
ASOF LEFT JOIN arrivals
    ON flights.tail_number = arrivals.tail_number
    AND flights.prediction_time >= arrivals.known_at
