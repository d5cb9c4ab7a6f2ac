-- Orders of one day are one purchase: the file has dates, and what is counted are days.
WITH days AS (
    SELECT
        customer_id,
        strptime(date, '%Y%m%d')::DATE AS purchased_on,
        count(*) AS orders,
        sum(number_of_cds) AS cds,
        sum(dollar_value) AS amount
    FROM raw.purchases
    GROUP BY ALL
)

SELECT
    customer_id,
    purchased_on,
    timezone(getvariable('time_zone'), purchased_on::TIMESTAMP) AS purchased_at,
    row_number() OVER earlier AS number,
    min(purchased_on) OVER earlier AS first_on,
    orders,
    cds,
    amount,
    timezone(getvariable('time_zone'), purchased_on + INTERVAL 1 DAY) AS known_at
FROM days
WINDOW earlier AS (PARTITION BY customer_id ORDER BY purchased_on)
