SELECT
    id,
    ordered_at,
    ordered_at AS prediction_time,
    region,
    weight,
    isodow(timezone(getvariable('time_zone'), ordered_at))::TINYINT AS weekday
FROM cleaned.orders
