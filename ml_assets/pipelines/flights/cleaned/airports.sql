-- Arrival times are local to the destination. Four destinations are missing from the source and
-- three airports have no time zone there: declared here.
WITH declared (airport, name, time_zone) AS (
    VALUES
        ('EEN', NULL, 'America/New_York'),
        ('LRO', NULL, 'America/New_York'),
        ('YAK', NULL, 'America/Anchorage'),
        ('BQN', 'Rafael Hernandez Airport', 'America/Puerto_Rico'),
        ('PSE', 'Mercedita Airport', 'America/Puerto_Rico'),
        ('SJU', 'Luis Munoz Marin International Airport', 'America/Puerto_Rico'),
        ('STT', 'Cyril E. King Airport', 'America/Puerto_Rico')
),

published AS (
    SELECT
        faa AS airport,
        name,
        lat AS latitude,
        lon AS longitude,
        alt AS altitude,
        tzone AS time_zone
    FROM raw.airports
    QUALIFY row_number() OVER (PARTITION BY faa ORDER BY name) = 1
)

SELECT
    airport,
    coalesce(published.name, declared.name) AS name,
    published.latitude,
    published.longitude,
    published.altitude,
    coalesce(published.time_zone, declared.time_zone) AS time_zone
FROM published
FULL JOIN declared USING (airport)
