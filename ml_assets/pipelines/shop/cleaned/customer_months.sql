-- A customer is looked at once a month, at the end of the day of the month of the first purchase, or
-- of the month's last day: every night has its share, as with bills. Of the purchases only first ones
-- are seen here; the contract excludes the others.
WITH months AS (
    SELECT
        customer_id,
        first_on,
        unnest(
            generate_series(
                date_trunc('month', first_on)::TIMESTAMP,
                timezone(getvariable('time_zone'), getvariable('slice_end')) - INTERVAL 1 DAY,
                INTERVAL 1 MONTH
            )
        )::DATE AS month
    FROM cleaned.purchases
),

dated AS (
    SELECT
        *,
        month + least(day(first_on), day(last_day(month)))::INTEGER - 1 AS observed_on
    FROM months
)

SELECT
    customer_id,
    month,
    first_on,
    observed_on,
    timezone(getvariable('time_zone'), observed_on::TIMESTAMP) AS observed_at,
    timezone(getvariable('time_zone'), observed_on + INTERVAL 1 DAY) AS known_at
FROM dated
