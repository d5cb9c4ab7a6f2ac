SELECT
    id,
    ordered_at,
    delivered_at,
    late,
    delivered_at AS known_at
FROM raw.orders
