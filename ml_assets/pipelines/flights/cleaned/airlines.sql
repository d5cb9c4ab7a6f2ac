SELECT
    carrier,
    name
FROM raw.airlines
QUALIFY row_number() OVER (PARTITION BY carrier ORDER BY name) = 1
