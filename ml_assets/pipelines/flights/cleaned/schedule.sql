-- Clock times are HHMM: the departure local to the pipeline's time zone, the arrival local to the
-- destination. An arrival that would come before the departure is on the next day.
WITH clock AS (
    SELECT
        make_date(year, month, day) AS flight_date,
        carrier,
        flight AS flight_number,
        origin,
        dest AS destination,
        tailnum AS tail_number,
        distance,
        sched_dep_time // 100 * 60 + sched_dep_time % 100 AS departure_minute,
        sched_arr_time // 100 * 60 + sched_arr_time % 100 AS arrival_minute
    FROM raw.flights
    QUALIFY row_number() OVER (
        PARTITION BY year, month, day, carrier, flight, origin
        ORDER BY sched_dep_time, sched_arr_time, dest, tailnum
    ) = 1
),

local_times AS (
    SELECT
        clock.*,
        airports.time_zone,
        timezone(
            getvariable('time_zone'), flight_date + to_minutes(departure_minute)
        ) AS scheduled_departure,
        flight_date + to_minutes(arrival_minute) AS local_arrival
    FROM clock
    LEFT JOIN cleaned.airports ON clock.destination = airports.airport
),

instants AS (
    SELECT
        *,
        CASE
            WHEN timezone(time_zone, local_arrival) > scheduled_departure
                THEN timezone(time_zone, local_arrival)
            ELSE timezone(time_zone, local_arrival + INTERVAL 1 DAY)
        END AS scheduled_arrival
    FROM local_times
)

SELECT
    flight_date,
    carrier,
    flight_number,
    origin,
    destination,
    tail_number,
    distance,
    departure_minute,
    arrival_minute,
    date_diff('minute', scheduled_departure, scheduled_arrival)::SMALLINT AS block_minutes,
    scheduled_departure,
    scheduled_arrival,
    -- The source has no publication time: a lead that every airline keeps.
    scheduled_departure - INTERVAL 14 DAY AS known_at
FROM instants
