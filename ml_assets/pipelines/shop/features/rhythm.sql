-- When the customer bought, as of the end of the day of observation. Gaps are whole days, their sums
-- exact: the same for any number of threads.
WITH known AS (
    SELECT
        customers.customer_id,
        customers.month,
        customers.observed_on,
        customers.first_on,
        customers.observed_at,
        customers.known_at,
        purchases.purchased_on,
        purchases.purchased_on - lag(purchases.purchased_on) OVER (
            PARTITION BY customers.customer_id, customers.month ORDER BY purchases.purchased_on
        ) AS gap
    FROM cleaned.customer_months AS customers
    JOIN cleaned.purchases AS purchases
        ON customers.customer_id = purchases.customer_id
        AND customers.known_at >= purchases.known_at
),

summed AS (
    SELECT
        customer_id,
        month,
        observed_at,
        known_at AS asked_at,
        first_on,
        observed_on,
        max(purchased_on) AS last_on,
        count(*) AS purchases,
        count(*) FILTER (purchased_on > observed_on - 30) AS purchases_30d,
        count(*) FILTER (purchased_on > observed_on - 90) AS purchases_90d,
        count(*) FILTER (
            purchased_on <= observed_on - 90 AND purchased_on > observed_on - 180
        ) AS purchases_90d_before,
        count(*) FILTER (purchased_on > observed_on - 365) AS purchases_365d,
        max(gap) AS longest_gap,
        arg_max(gap, purchased_on) AS last_gap,
        sum(gap * gap)::BIGINT AS gaps_squared
    FROM known
    GROUP BY ALL
),

measured AS (
    SELECT
        *,
        purchases - 1 AS frequency,
        last_on - first_on AS recency,
        observed_on - first_on AS age,
        observed_on - last_on AS days_since_purchase
    FROM summed
)

SELECT
    customer_id,
    month,
    observed_at,
    asked_at,
    frequency::INTEGER AS frequency,
    recency::INTEGER AS recency,
    age::INTEGER AS age,
    days_since_purchase::INTEGER AS days_since_purchase,
    purchases_30d::INTEGER AS purchases_30d,
    purchases_90d::INTEGER AS purchases_90d,
    purchases_365d::INTEGER AS purchases_365d,
    (purchases_90d - purchases_90d_before)::INTEGER AS purchases_trend,
    recency / nullif(frequency, 0) AS mean_gap,
    sqrt(
        greatest(frequency * gaps_squared - recency * recency, 0)
        / nullif(frequency * (frequency - 1), 0)
    ) AS gap_spread,
    longest_gap::INTEGER AS longest_gap,
    last_gap::INTEGER AS last_gap,
    days_since_purchase / nullif(recency / nullif(frequency, 0), 0) AS gaps_since_purchase
FROM measured
