-- What the customer spent, as of the end of the day of observation. Sums of DECIMAL are exact.
WITH summed AS (
    SELECT
        customers.customer_id,
        customers.month,
        customers.observed_at,
        customers.known_at AS asked_at,
        customers.first_on,
        customers.observed_on,
        count(*) AS purchases,
        sum(amount) AS spent,
        sum(cds) AS cds,
        sum(amount) FILTER (number > 1) AS repeated,
        sum(amount) FILTER (purchased_on > observed_on - 30) AS spent_30d,
        sum(amount) FILTER (purchased_on > observed_on - 90) AS spent_90d,
        sum(amount) FILTER (
            purchased_on <= observed_on - 90 AND purchased_on > observed_on - 180
        ) AS spent_90d_before,
        sum(amount) FILTER (purchased_on > observed_on - 365) AS spent_365d,
        arg_min(amount, purchased_on) AS first_amount,
        arg_max(amount, purchased_on) AS last_amount
    FROM cleaned.customer_months AS customers
    JOIN cleaned.purchases AS purchases
        ON customers.customer_id = purchases.customer_id
        AND customers.known_at >= purchases.known_at
    GROUP BY ALL
)

SELECT
    customer_id,
    month,
    observed_at,
    asked_at,
    coalesce(spent_30d, 0)::DOUBLE AS spent_30d,
    coalesce(spent_90d, 0)::DOUBLE AS spent_90d,
    coalesce(spent_365d, 0)::DOUBLE AS spent_365d,
    (coalesce(spent_90d, 0) - coalesce(spent_90d_before, 0))::DOUBLE AS spent_trend,
    spent::DOUBLE / greatest((observed_on - first_on + 1) / 30, 1) AS spent_per_month,
    spent::DOUBLE / purchases AS mean_amount,
    repeated::DOUBLE / nullif(purchases - 1, 0) AS mean_repeat_amount,
    first_amount::DOUBLE AS first_amount,
    last_amount::DOUBLE AS last_amount,
    cds::DOUBLE / purchases AS mean_cds
FROM summed
