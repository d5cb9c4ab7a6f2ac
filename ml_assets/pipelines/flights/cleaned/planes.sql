SELECT
    tailnum AS tail_number,
    year AS year_built,
    type,
    CASE
        WHEN manufacturer LIKE 'AIRBUS%' THEN 'AIRBUS'
        WHEN manufacturer LIKE 'BOMBARDIER%' THEN 'BOMBARDIER'
        WHEN manufacturer LIKE 'CANADAIR%' THEN 'CANADAIR'
        WHEN manufacturer LIKE 'MCDONNELL DOUGLAS%' THEN 'MCDONNELL DOUGLAS'
        ELSE manufacturer
    END AS maker,
    model,
    engines,
    seats,
    engine
FROM raw.planes
QUALIFY row_number() OVER (PARTITION BY tailnum ORDER BY year, model) = 1
