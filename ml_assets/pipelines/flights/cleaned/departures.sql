-- The clock time lacks its date and can be 2400; schedule and delay give the instant.
-- A LEFT JOIN: a flight without its schedule row is to be rejected, not lost.
WITH flights AS (
    SELECT
        make_date(year, month, day) AS flight_date,
        carrier,
        flight AS flight_number,
        origin,
        dep_delay AS departure_delay
    FROM raw.flights
    QUALIFY row_number() OVER (
        PARTITION BY year, month, day, carrier, flight, origin
        ORDER BY sched_dep_time, sched_arr_time, dest, tailnum
    ) = 1
)

SELECT
    flight_date,
    carrier,
    flight_number,
    origin,
    schedule.destination,
    schedule.tail_number,
    schedule.scheduled_departure,
    schedule.scheduled_departure + to_minutes(flights.departure_delay) AS departed_at,
    flights.departure_delay,
    schedule.scheduled_departure + to_minutes(flights.departure_delay) AS known_at
FROM flights
LEFT JOIN cleaned.schedule USING (flight_date, carrier, flight_number, origin)
