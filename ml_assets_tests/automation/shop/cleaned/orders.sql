SELECT
    id,
    ordered_at,
    region,
    weight,
    ordered_at AS known_at
FROM raw.orders
