-- The clock time lacks its date and zone and can be 2400; schedule and delay give the instant.
-- A LEFT JOIN: a flight without its schedule row is to be rejected, not lost.
WITH flights AS (
    SELECT
        make_date(year, month, day) AS flight_date,
        carrier,
        flight AS flight_number,
        origin,
        arr_delay AS arrival_delay
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
    schedule.scheduled_arrival + to_minutes(flights.arrival_delay) AS arrived_at,
    flights.arrival_delay,
    schedule.scheduled_arrival + to_minutes(flights.arrival_delay + 30) AS known_at
FROM flights
LEFT JOIN cleaned.schedule USING (flight_date, carrier, flight_number, origin)
