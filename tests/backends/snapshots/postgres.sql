-- Written by tests/backends/test_portable.py: the queries of tests/company.yaml for postgres.

-- items d14440dcd69e76cd
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "item_id",
 "subscription_id",
 "product_id",
 "plan_id",
 "add_on_id",
 "price_id",
 CAST("quantity" AS BIGINT) AS "quantity",
 CAST("amount_minor" AS BIGINT) AS "amount_minor",
 CAST("list_amount_minor" AS BIGINT) AS "list_amount_minor",
 "currency",
 "interval",
 CAST("interval_count" AS BIGINT) AS "interval_count",
 "status",
 CAST("valid_from" AS BIGINT) AS "valid_from",
 CAST("valid_to" AS BIGINT) AS "valid_to",
 CAST("period_start" AS BIGINT) AS "period_start",
 "auto_renew",
 CAST("cancel_at" AS BIGINT) AS "cancel_at",
 "pending_plan_id",
 "collection",
 CAST("renews_at" AS BIGINT) AS "renews_at",
 CAST("term_months" AS INT) AS "term_months",
 CAST("term_days" AS INT) AS "term_days",
 "is_live",
 CAST("units" AS BIGINT) AS "units",
 "is_paid"
FROM (
 SELECT
  "t11"."account_key",
  "t11"."item_id",
  "t11"."subscription_id",
  "t11"."product_id",
  "t11"."plan_id",
  "t11"."add_on_id",
  "t11"."price_id",
  "t11"."quantity",
  "t11"."amount_minor",
  "t11"."list_amount_minor",
  "t11"."currency",
  "t11"."interval",
  "t11"."interval_count",
  "t11"."status",
  "t11"."valid_from",
  "t11"."valid_to",
  "t11"."period_start",
  "t11"."auto_renew",
  "t11"."cancel_at",
  "t11"."pending_plan_id",
  "t11"."collection",
  COALESCE("t11"."renews_at", "t11"."period_end") AS "renews_at",
  COALESCE("t11"."term_months", 0) AS "term_months",
  COALESCE("t11"."term_days", 0) AS "term_days",
  (
   (
    "t11"."valid_to" IS NULL
   ) OR (
    "t11"."valid_to" > "t11"."as_of"
   )
  )
  AND "t11"."status" IN ('trialing', 'active', 'past_due', 'unpaid') AS "is_live",
  CASE
   WHEN (
    (
     "t11"."valid_to" IS NULL
    ) OR (
     "t11"."valid_to" > "t11"."as_of"
    )
   )
   AND "t11"."status" IN ('active', 'past_due')
   THEN "t11"."amount_minor" * COALESCE("t11"."units_factor", 0)
   ELSE 0
  END AS "units",
  "t11"."status" IN ('active', 'past_due') AND (
   "t11"."amount_minor" > 0
  ) AS "is_paid"
 FROM (
  SELECT
   "t10"."item_id",
   "t10"."subscription_id",
   "t10"."account_key",
   "t10"."product_id",
   "t10"."plan_id",
   "t10"."add_on_id",
   "t10"."price_id",
   "t10"."quantity",
   "t10"."amount_minor",
   "t10"."list_amount_minor",
   "t10"."currency",
   "t10"."interval",
   "t10"."interval_count",
   "t10"."status",
   "t10"."valid_from",
   "t10"."valid_to",
   "t10"."trial_ends_at",
   "t10"."period_start",
   "t10"."period_end",
   "t10"."renews_at",
   "t10"."auto_renew",
   "t10"."cancel_at",
   "t10"."pending_plan_id",
   "t10"."pending_at",
   "t10"."collection",
   "t10"."as_of",
   "t10"."as_of_day",
   "t10"."this_month",
   "t10"."mask_this_month",
   "t10"."mask_last_month",
   "t10"."usage_from",
   "t4"."units_factor",
   "t4"."term_months",
   "t4"."term_days"
  FROM (
   SELECT
    "t8"."item_id",
    "t8"."subscription_id",
    "t8"."account_key",
    "t8"."product_id",
    "t8"."plan_id",
    "t8"."add_on_id",
    "t8"."price_id",
    "t8"."quantity",
    "t8"."amount_minor",
    "t8"."list_amount_minor",
    "t8"."currency",
    "t8"."interval",
    COALESCE("t8"."interval_count", 1) AS "interval_count",
    "t8"."status",
    "t8"."valid_from",
    "t8"."valid_to",
    "t8"."trial_ends_at",
    "t8"."period_start",
    "t8"."period_end",
    "t8"."renews_at",
    "t8"."auto_renew",
    "t8"."cancel_at",
    "t8"."pending_plan_id",
    "t8"."pending_at",
    "t8"."collection",
    "t8"."as_of",
    "t8"."as_of_day",
    "t8"."this_month",
    "t8"."mask_this_month",
    "t8"."mask_last_month",
    "t8"."usage_from"
   FROM (
    SELECT
     "t5"."item_id",
     "t5"."subscription_id",
     "t5"."account_key",
     "t5"."product_id",
     "t5"."plan_id",
     "t5"."add_on_id",
     "t5"."price_id",
     "t5"."quantity",
     "t5"."amount_minor",
     "t5"."list_amount_minor",
     "t5"."currency",
     "t5"."interval",
     "t5"."interval_count",
     "t5"."status",
     "t5"."valid_from",
     "t5"."valid_to",
     "t5"."trial_ends_at",
     "t5"."period_start",
     "t5"."period_end",
     "t5"."renews_at",
     "t5"."auto_renew",
     "t5"."cancel_at",
     "t5"."pending_plan_id",
     "t5"."pending_at",
     "t5"."collection",
     "t7"."as_of",
     "t7"."as_of_day",
     "t7"."this_month",
     "t7"."mask_this_month",
     "t7"."mask_last_month",
     "t7"."usage_from"
    FROM "subscription_item" AS "t5"
    CROSS JOIN "today" AS "t7"
    WHERE
     EXISTS(
      SELECT
       1
      FROM "account" AS "t6"
      WHERE
       "t5"."account_key" = "t6"."account_key"
     )
   ) AS "t8"
   WHERE
    "t8"."valid_from" <= "t8"."as_of"
  ) AS "t10"
  LEFT OUTER JOIN "interval_factor" AS "t4"
   ON "t10"."interval" = "t4"."interval"
   AND "t10"."interval_count" = "t4"."interval_count"
 ) AS "t11"
) AS stage;

-- owned 80762a0535e5b744
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 CAST("live_subscriptions" AS INT) AS "live_subscriptions",
 CAST("recurring_units" AS BIGINT) AS "recurring_units",
 CAST("add_on_units" AS BIGINT) AS "add_on_units",
 "is_trial",
 "by_invoice",
 "plan_id",
 "price_id",
 "interval",
 CAST("interval_count" AS BIGINT) AS "interval_count",
 "currency",
 CAST("position" AS INT) AS "position",
 "item_id",
 "subscription_id",
 CAST("term_months" AS INT) AS "term_months",
 CAST("term_days" AS INT) AS "term_days",
 CAST("quantity" AS BIGINT) AS "quantity",
 CAST("plan_units" AS BIGINT) AS "plan_units"
FROM (
 WITH "t10" AS (
  SELECT
   "t9"."account_key",
   "t9"."item_id",
   "t9"."subscription_id",
   "t9"."product_id",
   "t9"."plan_id",
   "t9"."add_on_id",
   "t9"."price_id",
   "t9"."quantity",
   "t9"."amount_minor",
   "t9"."list_amount_minor",
   "t9"."currency",
   "t9"."interval",
   "t9"."interval_count",
   "t9"."status",
   "t9"."valid_from",
   "t9"."valid_to",
   "t9"."period_start",
   "t9"."auto_renew",
   "t9"."cancel_at",
   "t9"."pending_plan_id",
   "t9"."collection",
   "t9"."renews_at",
   "t9"."term_months",
   "t9"."term_days",
   "t9"."is_live",
   "t9"."units",
   "t9"."is_paid",
   "t9"."position",
   ROW_NUMBER() OVER (
    PARTITION BY "t9"."account_key", "t9"."product_id"
    ORDER BY "t9"."units" DESC NULLS LAST, "t9"."position" DESC NULLS LAST, "t9"."item_id" ASC
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
   ) - 1 AS "place",
   SUM("t9"."quantity") OVER (
    PARTITION BY "t9"."account_key", "t9"."product_id", "t9"."plan_id"
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
   ) AS "plan_quantity",
   SUM("t9"."units") OVER (
    PARTITION BY "t9"."account_key", "t9"."product_id", "t9"."plan_id"
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
   ) AS "plan_units"
  FROM (
   SELECT
    "t8"."account_key",
    "t8"."item_id",
    "t8"."subscription_id",
    "t8"."product_id",
    "t8"."plan_id",
    "t8"."add_on_id",
    "t8"."price_id",
    "t8"."quantity",
    "t8"."amount_minor",
    "t8"."list_amount_minor",
    "t8"."currency",
    "t8"."interval",
    "t8"."interval_count",
    "t8"."status",
    "t8"."valid_from",
    "t8"."valid_to",
    "t8"."period_start",
    "t8"."auto_renew",
    "t8"."cancel_at",
    "t8"."pending_plan_id",
    "t8"."collection",
    "t8"."renews_at",
    "t8"."term_months",
    "t8"."term_days",
    "t8"."is_live",
    "t8"."units",
    "t8"."is_paid",
    COALESCE("t8"."position", -1) AS "position"
   FROM (
    SELECT
     "t7"."account_key",
     "t7"."item_id",
     "t7"."subscription_id",
     "t7"."product_id",
     "t7"."plan_id",
     "t7"."add_on_id",
     "t7"."price_id",
     "t7"."quantity",
     "t7"."amount_minor",
     "t7"."list_amount_minor",
     "t7"."currency",
     "t7"."interval",
     "t7"."interval_count",
     "t7"."status",
     "t7"."valid_from",
     "t7"."valid_to",
     "t7"."period_start",
     "t7"."auto_renew",
     "t7"."cancel_at",
     "t7"."pending_plan_id",
     "t7"."collection",
     "t7"."renews_at",
     "t7"."term_months",
     "t7"."term_days",
     "t7"."is_live",
     "t7"."units",
     "t7"."is_paid",
     "t6"."position"
    FROM (
     SELECT
      *
     FROM "items" AS "t0"
     WHERE
      "t0"."is_live" AND "t0"."plan_id" IS NOT NULL
    ) AS "t7"
    LEFT OUTER JOIN (
     SELECT
      "t1"."plan_id",
      "t1"."position"
     FROM "catalog_plan" AS "t1"
    ) AS "t6"
     ON "t7"."plan_id" = "t6"."plan_id"
   ) AS "t8"
  ) AS "t9"
 )
 SELECT
  "t19"."account_key",
  "t19"."product_id",
  "t19"."live_subscriptions",
  "t19"."recurring_units",
  "t19"."add_on_units",
  "t19"."is_trial",
  "t19"."by_invoice",
  "t14"."plan_id",
  "t14"."price_id",
  "t14"."interval",
  "t14"."interval_count",
  "t14"."currency",
  "t14"."position",
  "t14"."item_id",
  "t14"."subscription_id",
  "t14"."term_months",
  "t14"."term_days",
  "t14"."quantity",
  "t14"."plan_units"
 FROM (
  SELECT
   "t17"."account_key",
   "t17"."product_id",
   CAST(COUNT(
    DISTINCT CASE
     WHEN "t17"."plan_id" IS NOT NULL
     THEN "t17"."subscription_id"
     ELSE CAST(NULL AS VARCHAR)
    END
   ) AS INT) AS "live_subscriptions",
   SUM("t17"."counted") AS "recurring_units",
   SUM(CASE WHEN "t17"."add_on_id" IS NOT NULL THEN "t17"."counted" ELSE 0 END) AS "add_on_units",
   NOT (
    BOOL_OR("t17"."status" <> 'trialing')
   ) AS "is_trial",
   BOOL_OR("t17"."collection" = 'invoice') AS "by_invoice"
  FROM (
   SELECT
    "t16"."account_key",
    "t16"."item_id",
    "t16"."subscription_id",
    "t16"."product_id",
    "t16"."plan_id",
    "t16"."add_on_id",
    "t16"."price_id",
    "t16"."quantity",
    "t16"."amount_minor",
    "t16"."list_amount_minor",
    "t16"."currency",
    "t16"."interval",
    "t16"."interval_count",
    "t16"."status",
    "t16"."valid_from",
    "t16"."valid_to",
    "t16"."period_start",
    "t16"."auto_renew",
    "t16"."cancel_at",
    "t16"."pending_plan_id",
    "t16"."collection",
    "t16"."renews_at",
    "t16"."term_months",
    "t16"."term_days",
    "t16"."is_live",
    "t16"."units",
    "t16"."is_paid",
    "t16"."main_currency",
    CASE
     WHEN (
      "t16"."currency" = COALESCE("t16"."main_currency", "t16"."currency")
     )
     AND "t16"."is_live"
     THEN "t16"."units"
     ELSE 0
    END AS "counted"
   FROM (
    SELECT
     "t5"."account_key",
     "t5"."item_id",
     "t5"."subscription_id",
     "t5"."product_id",
     "t5"."plan_id",
     "t5"."add_on_id",
     "t5"."price_id",
     "t5"."quantity",
     "t5"."amount_minor",
     "t5"."list_amount_minor",
     "t5"."currency",
     "t5"."interval",
     "t5"."interval_count",
     "t5"."status",
     "t5"."valid_from",
     "t5"."valid_to",
     "t5"."period_start",
     "t5"."auto_renew",
     "t5"."cancel_at",
     "t5"."pending_plan_id",
     "t5"."collection",
     "t5"."renews_at",
     "t5"."term_months",
     "t5"."term_days",
     "t5"."is_live",
     "t5"."units",
     "t5"."is_paid",
     "t15"."main_currency"
    FROM (
     SELECT
      *
     FROM "items" AS "t0"
     WHERE
      "t0"."is_live"
    ) AS "t5"
    LEFT OUTER JOIN (
     SELECT
      "t11"."account_key",
      "t11"."product_id",
      "t11"."currency" AS "main_currency"
     FROM "t10" AS "t11"
     WHERE
      "t11"."place" = 0
    ) AS "t15"
     ON "t5"."account_key" = "t15"."account_key"
     AND "t5"."product_id" = "t15"."product_id"
   ) AS "t16"
  ) AS "t17"
  GROUP BY
   1,
   2
 ) AS "t19"
 LEFT OUTER JOIN (
  SELECT
   "t11"."account_key",
   "t11"."product_id",
   "t11"."plan_id",
   "t11"."price_id",
   "t11"."interval",
   "t11"."interval_count",
   "t11"."currency",
   "t11"."position",
   "t11"."item_id",
   "t11"."subscription_id",
   "t11"."term_months",
   "t11"."term_days",
   "t11"."plan_quantity" AS "quantity",
   "t11"."plan_units"
  FROM "t10" AS "t11"
  WHERE
   "t11"."place" = 0
 ) AS "t14"
  ON "t19"."account_key" = "t14"."account_key"
  AND "t19"."product_id" = "t14"."product_id"
) AS stage;

-- bought 0c74d6e470917fec
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 CAST("purchases_365d" AS BIGINT) AS "purchases_365d",
 CAST("purchased_at" AS BIGINT) AS "purchased_at",
 CAST("completed_at" AS BIGINT) AS "completed_at",
 "is_open",
 CAST("spent_minor" AS BIGINT) AS "spent_minor",
 "spent_currency"
FROM (
 SELECT
  "t9"."account_key",
  "t9"."product_id",
  "t9"."purchases_365d",
  "t9"."purchased_at",
  "t9"."completed_at",
  "t9"."is_open",
  CASE
   WHEN "t9"."first_currency" = "t9"."last_currency"
   THEN "t9"."spent"
   ELSE CAST(NULL AS BIGINT)
  END AS "spent_minor",
  CASE
   WHEN "t9"."first_currency" = "t9"."last_currency"
   THEN "t9"."first_currency"
   ELSE CAST(NULL AS VARCHAR)
  END AS "spent_currency"
 FROM (
  SELECT
   "t8"."account_key",
   "t8"."product_id",
   SUM(CASE WHEN "t8"."recent" THEN 1 ELSE 0 END) AS "purchases_365d",
   SUM(CASE WHEN "t8"."recent" THEN "t8"."amount_minor" ELSE 0 END) AS "spent",
   MIN("t8"."currency") AS "first_currency",
   MAX("t8"."currency") AS "last_currency",
   MAX("t8"."purchased_at") AS "purchased_at",
   MAX("t8"."done") AS "completed_at",
   BOOL_OR("t8"."done" IS NULL) AS "is_open"
  FROM (
   SELECT
    "t7"."purchase_id",
    "t7"."account_key",
    "t7"."product_id",
    "t7"."quantity",
    "t7"."amount_minor",
    "t7"."currency",
    "t7"."purchased_at",
    "t7"."completed_at",
    "t7"."as_of",
    "t7"."purchased_at" > (
     "t7"."as_of" - 31536000
    ) AS "recent",
    CASE
     WHEN "t7"."completed_at" <= "t7"."as_of"
     THEN "t7"."completed_at"
     ELSE CAST(NULL AS BIGINT)
    END AS "done"
   FROM (
    SELECT
     "t3"."purchase_id",
     "t3"."account_key",
     "t3"."product_id",
     "t3"."quantity",
     "t3"."amount_minor",
     "t3"."currency",
     "t3"."purchased_at",
     "t3"."completed_at",
     "t6"."as_of"
    FROM "purchase" AS "t3"
    CROSS JOIN (
     SELECT
      "t2"."as_of"
     FROM "today" AS "t2"
    ) AS "t6"
    WHERE
     EXISTS(
      SELECT
       1
      FROM "account" AS "t4"
      WHERE
       "t3"."account_key" = "t4"."account_key"
     )
   ) AS "t7"
   WHERE
    "t7"."purchased_at" <= "t7"."as_of"
  ) AS "t8"
  GROUP BY
   1,
   2
 ) AS "t9"
) AS stage;

-- has a8cd9d5016e7eaa8
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id"
FROM (
 SELECT
  *
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id"
  FROM "owned" AS "t0"
 ) AS "t2"
 UNION
 SELECT
  *
 FROM (
  SELECT
   "t1"."account_key",
   "t1"."product_id"
  FROM "bought" AS "t1"
 ) AS "t3"
) AS stage;

-- history 72d541c515e8eda5
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 CAST("started_at" AS BIGINT) AS "started_at",
 CAST("first_paid_at" AS BIGINT) AS "first_paid_at",
 CAST("downgraded_at" AS BIGINT) AS "downgraded_at",
 CAST("bought_at" AS BIGINT) AS "bought_at"
FROM (
 WITH "t14" AS (
  SELECT
   "t12"."account_key",
   "t12"."item_id",
   "t12"."subscription_id",
   "t12"."product_id",
   "t12"."plan_id",
   "t12"."add_on_id",
   "t12"."price_id",
   "t12"."quantity",
   "t12"."amount_minor",
   "t12"."list_amount_minor",
   "t12"."currency",
   "t12"."interval",
   "t12"."interval_count",
   "t12"."status",
   "t12"."valid_from",
   "t12"."valid_to",
   "t12"."period_start",
   "t12"."auto_renew",
   "t12"."cancel_at",
   "t12"."pending_plan_id",
   "t12"."collection",
   "t12"."renews_at",
   "t12"."term_months",
   "t12"."term_days",
   "t12"."is_live",
   "t12"."units",
   "t12"."is_paid",
   "t12"."until",
   "t12"."reach",
   "t12"."before",
   CASE
    WHEN (
     "t12"."before" IS NULL
    )
    OR (
     "t12"."valid_from" >= (
      "t12"."before" + 86400
     )
    )
    THEN "t12"."valid_from"
    ELSE CAST(NULL AS BIGINT)
   END AS "begins_at"
  FROM (
   SELECT
    "t10"."account_key",
    "t10"."item_id",
    "t10"."subscription_id",
    "t10"."product_id",
    "t10"."plan_id",
    "t10"."add_on_id",
    "t10"."price_id",
    "t10"."quantity",
    "t10"."amount_minor",
    "t10"."list_amount_minor",
    "t10"."currency",
    "t10"."interval",
    "t10"."interval_count",
    "t10"."status",
    "t10"."valid_from",
    "t10"."valid_to",
    "t10"."period_start",
    "t10"."auto_renew",
    "t10"."cancel_at",
    "t10"."pending_plan_id",
    "t10"."collection",
    "t10"."renews_at",
    "t10"."term_months",
    "t10"."term_days",
    "t10"."is_live",
    "t10"."units",
    "t10"."is_paid",
    "t10"."until",
    "t10"."reach",
    LAG("t10"."reach") OVER (
     PARTITION BY "t10"."account_key", "t10"."product_id"
     ORDER BY "t10"."valid_from" ASC, "t10"."until" ASC, "t10"."item_id" ASC
     ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS "before"
   FROM (
    SELECT
     "t6"."account_key",
     "t6"."item_id",
     "t6"."subscription_id",
     "t6"."product_id",
     "t6"."plan_id",
     "t6"."add_on_id",
     "t6"."price_id",
     "t6"."quantity",
     "t6"."amount_minor",
     "t6"."list_amount_minor",
     "t6"."currency",
     "t6"."interval",
     "t6"."interval_count",
     "t6"."status",
     "t6"."valid_from",
     "t6"."valid_to",
     "t6"."period_start",
     "t6"."auto_renew",
     "t6"."cancel_at",
     "t6"."pending_plan_id",
     "t6"."collection",
     "t6"."renews_at",
     "t6"."term_months",
     "t6"."term_days",
     "t6"."is_live",
     "t6"."units",
     "t6"."is_paid",
     "t6"."until",
     MAX("t6"."until") OVER (
      PARTITION BY "t6"."account_key", "t6"."product_id"
      ORDER BY "t6"."valid_from" ASC, "t6"."until" ASC, "t6"."item_id" ASC
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
     ) AS "reach"
    FROM (
     SELECT
      "t1"."account_key",
      "t1"."item_id",
      "t1"."subscription_id",
      "t1"."product_id",
      "t1"."plan_id",
      "t1"."add_on_id",
      "t1"."price_id",
      "t1"."quantity",
      "t1"."amount_minor",
      "t1"."list_amount_minor",
      "t1"."currency",
      "t1"."interval",
      "t1"."interval_count",
      "t1"."status",
      "t1"."valid_from",
      "t1"."valid_to",
      "t1"."period_start",
      "t1"."auto_renew",
      "t1"."cancel_at",
      "t1"."pending_plan_id",
      "t1"."collection",
      "t1"."renews_at",
      "t1"."term_months",
      "t1"."term_days",
      "t1"."is_live",
      "t1"."units",
      "t1"."is_paid",
      COALESCE("t1"."valid_to", 1099511627776) AS "until"
     FROM "items" AS "t1"
    ) AS "t6"
   ) AS "t10"
  ) AS "t12"
 ), "t18" AS (
  SELECT
   "t15"."account_key",
   "t15"."product_id",
   MAX("t15"."begins_at") AS "started_at"
  FROM "t14" AS "t15"
  GROUP BY
   1,
   2
 )
 SELECT
  "t28"."account_key",
  "t28"."product_id",
  "t28"."started_at",
  "t28"."first_paid_at",
  "t28"."downgraded_at",
  NULLIF(
   GREATEST(
    COALESCE("t28"."first_paid_at", 0),
    COALESCE("t28"."raised_at", 0),
    COALESCE("t28"."purchased_at", 0)
   ),
   0
  ) AS "bought_at"
 FROM (
  SELECT
   "t21"."account_key",
   "t21"."product_id",
   "t21"."started_at",
   "t27"."first_paid_at",
   "t23"."raised_at",
   "t23"."downgraded_at",
   "t8"."purchased_at"
  FROM "t18" AS "t21"
  LEFT OUTER JOIN (
   SELECT
    "t25"."account_key",
    "t25"."product_id",
    MIN(CASE WHEN "t25"."is_paid" THEN "t25"."valid_from" ELSE CAST(NULL AS BIGINT) END) AS "first_paid_at"
   FROM (
    SELECT
     *
    FROM (
     SELECT
      "t16"."account_key",
      "t16"."item_id",
      "t16"."subscription_id",
      "t16"."product_id",
      "t16"."plan_id",
      "t16"."add_on_id",
      "t16"."price_id",
      "t16"."quantity",
      "t16"."amount_minor",
      "t16"."list_amount_minor",
      "t16"."currency",
      "t16"."interval",
      "t16"."interval_count",
      "t16"."status",
      "t16"."valid_from",
      "t16"."valid_to",
      "t16"."period_start",
      "t16"."auto_renew",
      "t16"."cancel_at",
      "t16"."pending_plan_id",
      "t16"."collection",
      "t16"."renews_at",
      "t16"."term_months",
      "t16"."term_days",
      "t16"."is_live",
      "t16"."units",
      "t16"."is_paid",
      "t16"."until",
      "t16"."reach",
      "t16"."before",
      "t16"."begins_at",
      "t22"."started_at"
     FROM "t14" AS "t16"
     LEFT OUTER JOIN "t18" AS "t22"
      ON "t16"."account_key" = "t22"."account_key"
      AND "t16"."product_id" = "t22"."product_id"
    ) AS "t24"
    WHERE
     "t24"."valid_from" >= "t24"."started_at"
   ) AS "t25"
   GROUP BY
    1,
    2
  ) AS "t27"
   ON "t21"."account_key" = "t27"."account_key"
   AND "t21"."product_id" = "t27"."product_id"
  LEFT OUTER JOIN (
   SELECT
    "t17"."account_key",
    "t17"."product_id",
    MAX("t17"."raised") AS "raised_at",
    MAX("t17"."lowered") AS "downgraded_at"
   FROM (
    SELECT
     "t13"."account_key",
     "t13"."item_id",
     "t13"."subscription_id",
     "t13"."product_id",
     "t13"."plan_id",
     "t13"."add_on_id",
     "t13"."price_id",
     "t13"."quantity",
     "t13"."amount_minor",
     "t13"."list_amount_minor",
     "t13"."currency",
     "t13"."interval",
     "t13"."interval_count",
     "t13"."status",
     "t13"."valid_from",
     "t13"."valid_to",
     "t13"."period_start",
     "t13"."auto_renew",
     "t13"."cancel_at",
     "t13"."pending_plan_id",
     "t13"."collection",
     "t13"."renews_at",
     "t13"."term_months",
     "t13"."term_days",
     "t13"."is_live",
     "t13"."units",
     "t13"."is_paid",
     "t13"."position",
     "t13"."position_before",
     "t13"."ended_before",
     CASE
      WHEN COALESCE(
       (
        (
         "t13"."valid_from" - "t13"."ended_before"
        ) < 86400
       )
       AND (
        (
         "t13"."valid_from" - "t13"."ended_before"
        ) > -86400
       ),
       FALSE
      )
      AND (
       "t13"."position" > "t13"."position_before"
      )
      THEN "t13"."valid_from"
      ELSE CAST(NULL AS BIGINT)
     END AS "raised",
     CASE
      WHEN COALESCE(
       (
        (
         "t13"."valid_from" - "t13"."ended_before"
        ) < 86400
       )
       AND (
        (
         "t13"."valid_from" - "t13"."ended_before"
        ) > -86400
       ),
       FALSE
      )
      AND (
       "t13"."position" < "t13"."position_before"
      )
      THEN "t13"."valid_from"
      ELSE CAST(NULL AS BIGINT)
     END AS "lowered"
    FROM (
     SELECT
      "t11"."account_key",
      "t11"."item_id",
      "t11"."subscription_id",
      "t11"."product_id",
      "t11"."plan_id",
      "t11"."add_on_id",
      "t11"."price_id",
      "t11"."quantity",
      "t11"."amount_minor",
      "t11"."list_amount_minor",
      "t11"."currency",
      "t11"."interval",
      "t11"."interval_count",
      "t11"."status",
      "t11"."valid_from",
      "t11"."valid_to",
      "t11"."period_start",
      "t11"."auto_renew",
      "t11"."cancel_at",
      "t11"."pending_plan_id",
      "t11"."collection",
      "t11"."renews_at",
      "t11"."term_months",
      "t11"."term_days",
      "t11"."is_live",
      "t11"."units",
      "t11"."is_paid",
      "t11"."position",
      LAG("t11"."position") OVER (
       PARTITION BY "t11"."account_key", "t11"."product_id"
       ORDER BY "t11"."valid_from" ASC, "t11"."item_id" ASC
       ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) AS "position_before",
      LAG("t11"."valid_to") OVER (
       PARTITION BY "t11"."account_key", "t11"."product_id"
       ORDER BY "t11"."valid_from" ASC, "t11"."item_id" ASC
       ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) AS "ended_before"
     FROM (
      SELECT
       "t9"."account_key",
       "t9"."item_id",
       "t9"."subscription_id",
       "t9"."product_id",
       "t9"."plan_id",
       "t9"."add_on_id",
       "t9"."price_id",
       "t9"."quantity",
       "t9"."amount_minor",
       "t9"."list_amount_minor",
       "t9"."currency",
       "t9"."interval",
       "t9"."interval_count",
       "t9"."status",
       "t9"."valid_from",
       "t9"."valid_to",
       "t9"."period_start",
       "t9"."auto_renew",
       "t9"."cancel_at",
       "t9"."pending_plan_id",
       "t9"."collection",
       "t9"."renews_at",
       "t9"."term_months",
       "t9"."term_days",
       "t9"."is_live",
       "t9"."units",
       "t9"."is_paid",
       "t7"."position"
      FROM (
       SELECT
        *
       FROM "items" AS "t1"
       WHERE
        "t1"."plan_id" IS NOT NULL AND "t1"."status" IN ('active', 'past_due')
      ) AS "t9"
      LEFT OUTER JOIN (
       SELECT
        "t2"."plan_id",
        "t2"."position"
       FROM "catalog_plan" AS "t2"
      ) AS "t7"
       ON "t9"."plan_id" = "t7"."plan_id"
     ) AS "t11"
    ) AS "t13"
   ) AS "t17"
   GROUP BY
    1,
    2
  ) AS "t23"
   ON "t21"."account_key" = "t23"."account_key"
   AND "t21"."product_id" = "t23"."product_id"
  LEFT OUTER JOIN (
   SELECT
    "t0"."account_key",
    "t0"."product_id",
    MAX("t0"."purchased_at") AS "purchased_at"
   FROM "purchase" AS "t0"
   GROUP BY
    1,
    2
  ) AS "t8"
   ON "t21"."account_key" = "t8"."account_key"
   AND "t21"."product_id" = "t8"."product_id"
 ) AS "t28"
) AS stage;

-- anchored d8f2545493dfc07d
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 CAST("anchor_day_of_month" AS INT) AS "anchor_day_of_month",
 CAST("anchor_second" AS BIGINT) AS "anchor_second",
 CAST("anchor_month" AS INT) AS "anchor_month",
 CAST("term_months" AS INT) AS "term_months"
FROM (
 SELECT
  "t26"."account_key",
  "t26"."product_id",
  "t26"."anchor_day_of_month",
  "t26"."anchor_second",
  "t26"."anchor_month",
  "t26"."term_months"
 FROM (
  SELECT
   "t25"."account_key",
   "t25"."product_id",
   "t25"."subscription_id",
   "t25"."period_start",
   "t25"."term_months",
   "t25"."first_at",
   "t25"."first_second",
   "t25"."first_month",
   "t25"."first_day_of_month",
   "t25"."period_second",
   "t25"."period_month",
   "t25"."period_day_of_month",
   "t25"."month_days",
   "t25"."anchor_at",
   "t25"."anchor_day_of_month",
   "t25"."anchor_second",
   "t25"."anchor_month",
   ROW_NUMBER() OVER (
    PARTITION BY "t25"."account_key", "t25"."product_id"
    ORDER BY "t25"."anchor_at" ASC, "t25"."subscription_id" ASC
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
   ) - 1 AS "place"
  FROM (
   SELECT
    "t24"."account_key",
    "t24"."product_id",
    "t24"."subscription_id",
    "t24"."period_start",
    "t24"."term_months",
    "t24"."first_at",
    "t24"."first_second",
    "t24"."first_month",
    "t24"."first_day_of_month",
    "t24"."period_second",
    "t24"."period_month",
    "t24"."period_day_of_month",
    "t24"."month_days",
    CASE
     WHEN (
      "t24"."period_day_of_month" = LEAST("t24"."first_day_of_month", "t24"."month_days")
     )
     AND (
      "t24"."period_second" = "t24"."first_second"
     )
     THEN "t24"."first_at"
     ELSE "t24"."period_start"
    END AS "anchor_at",
    CASE
     WHEN (
      "t24"."period_day_of_month" = LEAST("t24"."first_day_of_month", "t24"."month_days")
     )
     AND (
      "t24"."period_second" = "t24"."first_second"
     )
     THEN "t24"."first_day_of_month"
     ELSE "t24"."period_day_of_month"
    END AS "anchor_day_of_month",
    CASE
     WHEN (
      "t24"."period_day_of_month" = LEAST("t24"."first_day_of_month", "t24"."month_days")
     )
     AND (
      "t24"."period_second" = "t24"."first_second"
     )
     THEN "t24"."first_second"
     ELSE "t24"."period_second"
    END AS "anchor_second",
    CASE
     WHEN (
      "t24"."period_day_of_month" = LEAST("t24"."first_day_of_month", "t24"."month_days")
     )
     AND (
      "t24"."period_second" = "t24"."first_second"
     )
     THEN "t24"."first_month"
     ELSE "t24"."period_month"
    END AS "anchor_month"
   FROM (
    SELECT
     "t23"."account_key",
     "t23"."product_id",
     "t23"."subscription_id",
     "t23"."period_start",
     "t23"."term_months",
     "t23"."first_at",
     "t23"."first_second",
     "t23"."first_month",
     "t23"."first_day_of_month",
     "t23"."period_second",
     "t23"."period_month",
     "t23"."period_day_of_month",
     "t7"."month_days"
    FROM (
     SELECT
      "t21"."account_key",
      "t21"."product_id",
      "t21"."subscription_id",
      "t21"."period_start",
      "t21"."term_months",
      "t21"."first_at",
      "t21"."first_second",
      "t21"."first_month",
      "t21"."first_day_of_month",
      "t21"."period_second",
      "t21"."period_month",
      "t21"."period_day_of_month"
     FROM (
      SELECT
       "t20"."account_key",
       "t20"."product_id",
       "t20"."subscription_id",
       "t20"."period_start",
       "t20"."term_months",
       "t20"."first_at",
       "t20"."first_second",
       "t20"."first_month",
       "t20"."first_day_of_month",
       "t20"."period_second",
       "t20"."period_day",
       "t8"."period_month",
       "t8"."period_day_of_month"
      FROM (
       SELECT
        "t18"."account_key",
        "t18"."product_id",
        "t18"."subscription_id",
        "t18"."period_start",
        "t18"."term_months",
        "t18"."first_at",
        "t18"."first_second",
        "t18"."first_month",
        "t18"."first_day_of_month",
        COALESCE("t18"."period_start", "t18"."first_at") % 86400 AS "period_second",
        CAST(CAST(CAST((
         COALESCE("t18"."period_start", "t18"."first_at") - (
          COALESCE("t18"."period_start", "t18"."first_at") % 86400
         )
        ) AS DOUBLE PRECISION) / 86400 AS BIGINT) AS INT) AS "period_day"
       FROM (
        SELECT
         "t17"."account_key",
         "t17"."product_id",
         "t17"."subscription_id",
         "t17"."period_start",
         "t17"."term_months",
         "t17"."first_at",
         "t17"."first_second",
         "t17"."first_month",
         "t17"."first_day_of_month"
        FROM (
         SELECT
          "t16"."account_key",
          "t16"."product_id",
          "t16"."subscription_id",
          "t16"."period_start",
          "t16"."term_months",
          "t16"."first_at",
          "t16"."first_second",
          "t16"."first_day",
          "t9"."first_month",
          "t9"."first_day_of_month"
         FROM (
          SELECT
           "t14"."account_key",
           "t14"."product_id",
           "t14"."subscription_id",
           "t14"."period_start",
           "t14"."term_months",
           "t14"."first_at",
           "t14"."first_at" % 86400 AS "first_second",
           CAST(CAST(CAST((
            "t14"."first_at" - (
             "t14"."first_at" % 86400
            )
           ) AS DOUBLE PRECISION) / 86400 AS BIGINT) AS INT) AS "first_day"
          FROM (
           SELECT
            "t13"."account_key",
            "t13"."product_id",
            "t13"."subscription_id",
            "t13"."period_start",
            "t13"."term_months",
            "t11"."first_at"
           FROM (
            SELECT
             "t6"."account_key",
             "t6"."product_id",
             "t6"."subscription_id",
             MAX("t6"."period_start") AS "period_start",
             MAX("t6"."term_months") AS "term_months"
            FROM (
             SELECT
              *
             FROM "items" AS "t2"
             WHERE
              "t2"."is_live"
            ) AS "t6"
            GROUP BY
             1,
             2,
             3
           ) AS "t13"
           INNER JOIN (
            SELECT
             "t2"."subscription_id",
             MIN("t2"."valid_from") AS "first_at"
            FROM "items" AS "t2"
            GROUP BY
             1
           ) AS "t11"
            ON "t13"."subscription_id" = "t11"."subscription_id"
          ) AS "t14"
         ) AS "t16"
         INNER JOIN (
          SELECT
           "t1"."day" AS "first_day",
           "t1"."month" AS "first_month",
           "t1"."day_of_month" AS "first_day_of_month"
          FROM "calendar_day" AS "t1"
         ) AS "t9"
          ON "t16"."first_day" = "t9"."first_day"
        ) AS "t17"
       ) AS "t18"
      ) AS "t20"
      INNER JOIN (
       SELECT
        "t1"."day" AS "period_day",
        "t1"."month" AS "period_month",
        "t1"."day_of_month" AS "period_day_of_month"
       FROM "calendar_day" AS "t1"
      ) AS "t8"
       ON "t20"."period_day" = "t8"."period_day"
     ) AS "t21"
    ) AS "t23"
    INNER JOIN (
     SELECT
      "t0"."month" AS "period_month",
      "t0"."days" AS "month_days"
     FROM "calendar_month" AS "t0"
    ) AS "t7"
     ON "t23"."period_month" = "t7"."period_month"
   ) AS "t24"
  ) AS "t25"
 ) AS "t26"
 WHERE
  "t26"."place" = 0
) AS stage;

-- kinds 960d17fdf438d830
SELECT
 CAST("window_kind" AS INT) AS "window_kind",
 "product_id",
 "period"
FROM (
 SELECT DISTINCT
  "t0"."window_kind",
  "t0"."product_id",
  "t0"."period"
 FROM "catalog_meter" AS "t0"
) AS stage;

-- spans 11740107181707bf
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 CAST("window_kind" AS INT) AS "window_kind",
 CAST("starts_next" AS BIGINT) AS "starts_next",
 CAST("starts_0" AS BIGINT) AS "starts_0",
 CAST("starts_1" AS BIGINT) AS "starts_1",
 CAST("starts_2" AS BIGINT) AS "starts_2",
 CAST("starts_3" AS BIGINT) AS "starts_3",
 CAST("edge_0" AS INT) AS "edge_0",
 CAST("edge_1" AS INT) AS "edge_1",
 CAST("edge_2" AS INT) AS "edge_2",
 CAST("edge_3" AS INT) AS "edge_3"
FROM (
 WITH "t19" AS (
  SELECT
   "t7"."account_key",
   "t7"."product_id",
   "t7"."anchor_day_of_month",
   "t7"."anchor_second",
   "t7"."anchor_month",
   "t7"."term_months",
   "t8"."window_kind",
   "t8"."period"
  FROM "anchored" AS "t7"
  INNER JOIN "kinds" AS "t8"
   ON "t7"."product_id" = "t8"."product_id"
 )
 SELECT
  "t61"."account_key",
  "t61"."product_id",
  "t61"."window_kind",
  "t61"."starts_next",
  "t61"."starts_0",
  "t61"."starts_1",
  "t61"."starts_2",
  "t61"."starts_3",
  CAST(CASE
   WHEN (
    "t61"."starts_0" IS NOT NULL
   ) AND (
    (
     "t61"."starts_0" % 86400
    ) <> 0
   )
   THEN CAST(CAST((
    "t61"."starts_0" - (
     "t61"."starts_0" % 86400
    )
   ) AS DOUBLE PRECISION) / 86400 AS BIGINT)
   ELSE -1
  END AS INT) AS "edge_0",
  CAST(CASE
   WHEN (
    "t61"."starts_1" IS NOT NULL
   ) AND (
    (
     "t61"."starts_1" % 86400
    ) <> 0
   )
   THEN CAST(CAST((
    "t61"."starts_1" - (
     "t61"."starts_1" % 86400
    )
   ) AS DOUBLE PRECISION) / 86400 AS BIGINT)
   ELSE -1
  END AS INT) AS "edge_1",
  CAST(CASE
   WHEN (
    "t61"."starts_2" IS NOT NULL
   ) AND (
    (
     "t61"."starts_2" % 86400
    ) <> 0
   )
   THEN CAST(CAST((
    "t61"."starts_2" - (
     "t61"."starts_2" % 86400
    )
   ) AS DOUBLE PRECISION) / 86400 AS BIGINT)
   ELSE -1
  END AS INT) AS "edge_2",
  CAST(CASE
   WHEN (
    "t61"."starts_3" IS NOT NULL
   ) AND (
    (
     "t61"."starts_3" % 86400
    ) <> 0
   )
   THEN CAST(CAST((
    "t61"."starts_3" - (
     "t61"."starts_3" % 86400
    )
   ) AS DOUBLE PRECISION) / 86400 AS BIGINT)
   ELSE -1
  END AS INT) AS "edge_3"
 FROM (
  SELECT
   *
  FROM (
   SELECT
    *
   FROM (
    SELECT
     "t58"."account_key",
     "t58"."product_id",
     "t58"."window_kind",
     "t58"."starts_next",
     "t58"."starts_0",
     "t58"."starts_1",
     "t58"."starts_2",
     "t58"."starts_3"
    FROM (
     SELECT
      "t57"."account_key",
      "t57"."product_id",
      "t57"."anchor_day_of_month",
      "t57"."anchor_second",
      "t57"."anchor_month",
      "t57"."term_months",
      "t57"."window_kind",
      "t57"."period",
      "t57"."as_of",
      "t57"."this_month",
      "t57"."step",
      "t57"."open_first",
      "t57"."open_days",
      "t57"."current",
      "t57"."starts_next",
      "t57"."starts_0",
      "t57"."starts_1",
      "t57"."starts_2",
      "t57"."starts_3"
     FROM (
      SELECT
       "t56"."account_key",
       "t56"."product_id",
       "t56"."anchor_day_of_month",
       "t56"."anchor_second",
       "t56"."anchor_month",
       "t56"."term_months",
       "t56"."window_kind",
       "t56"."period",
       "t56"."as_of",
       "t56"."this_month",
       "t56"."step",
       "t56"."open_first",
       "t56"."open_days",
       "t56"."current",
       "t56"."starts_next",
       "t56"."starts_0",
       "t56"."starts_1",
       "t56"."starts_2",
       "t56"."month_of",
       "t56"."window_first",
       "t56"."window_days",
       (
        (
         (
          "t56"."window_first" + LEAST("t56"."anchor_day_of_month", "t56"."window_days")
         ) - 1
        ) * 86400
       ) + "t56"."anchor_second" AS "starts_3"
      FROM (
       SELECT
        "t55"."account_key",
        "t55"."product_id",
        "t55"."anchor_day_of_month",
        "t55"."anchor_second",
        "t55"."anchor_month",
        "t55"."term_months",
        "t55"."window_kind",
        "t55"."period",
        "t55"."as_of",
        "t55"."this_month",
        "t55"."step",
        "t55"."open_first",
        "t55"."open_days",
        "t55"."current",
        "t55"."starts_next",
        "t55"."starts_0",
        "t55"."starts_1",
        "t55"."starts_2",
        "t55"."month_of",
        "t15"."window_first",
        "t15"."window_days"
       FROM (
        SELECT
         "t53"."account_key",
         "t53"."product_id",
         "t53"."anchor_day_of_month",
         "t53"."anchor_second",
         "t53"."anchor_month",
         "t53"."term_months",
         "t53"."window_kind",
         "t53"."period",
         "t53"."as_of",
         "t53"."this_month",
         "t53"."step",
         "t53"."open_first",
         "t53"."open_days",
         "t53"."current",
         "t53"."starts_next",
         "t53"."starts_0",
         "t53"."starts_1",
         "t53"."starts_2",
         CAST("t53"."current" - (
          "t53"."step" * 3
         ) AS INT) AS "month_of"
        FROM (
         SELECT
          "t52"."account_key",
          "t52"."product_id",
          "t52"."anchor_day_of_month",
          "t52"."anchor_second",
          "t52"."anchor_month",
          "t52"."term_months",
          "t52"."window_kind",
          "t52"."period",
          "t52"."as_of",
          "t52"."this_month",
          "t52"."step",
          "t52"."open_first",
          "t52"."open_days",
          "t52"."current",
          "t52"."starts_next",
          "t52"."starts_0",
          "t52"."starts_1",
          "t52"."starts_2"
         FROM (
          SELECT
           "t51"."account_key",
           "t51"."product_id",
           "t51"."anchor_day_of_month",
           "t51"."anchor_second",
           "t51"."anchor_month",
           "t51"."term_months",
           "t51"."window_kind",
           "t51"."period",
           "t51"."as_of",
           "t51"."this_month",
           "t51"."step",
           "t51"."open_first",
           "t51"."open_days",
           "t51"."current",
           "t51"."starts_next",
           "t51"."starts_0",
           "t51"."starts_1",
           "t51"."month_of",
           "t51"."window_first",
           "t51"."window_days",
           (
            (
             (
              "t51"."window_first" + LEAST("t51"."anchor_day_of_month", "t51"."window_days")
             ) - 1
            ) * 86400
           ) + "t51"."anchor_second" AS "starts_2"
          FROM (
           SELECT
            "t50"."account_key",
            "t50"."product_id",
            "t50"."anchor_day_of_month",
            "t50"."anchor_second",
            "t50"."anchor_month",
            "t50"."term_months",
            "t50"."window_kind",
            "t50"."period",
            "t50"."as_of",
            "t50"."this_month",
            "t50"."step",
            "t50"."open_first",
            "t50"."open_days",
            "t50"."current",
            "t50"."starts_next",
            "t50"."starts_0",
            "t50"."starts_1",
            "t50"."month_of",
            "t15"."window_first",
            "t15"."window_days"
           FROM (
            SELECT
             "t48"."account_key",
             "t48"."product_id",
             "t48"."anchor_day_of_month",
             "t48"."anchor_second",
             "t48"."anchor_month",
             "t48"."term_months",
             "t48"."window_kind",
             "t48"."period",
             "t48"."as_of",
             "t48"."this_month",
             "t48"."step",
             "t48"."open_first",
             "t48"."open_days",
             "t48"."current",
             "t48"."starts_next",
             "t48"."starts_0",
             "t48"."starts_1",
             CAST("t48"."current" - (
              "t48"."step" * 2
             ) AS INT) AS "month_of"
            FROM (
             SELECT
              "t47"."account_key",
              "t47"."product_id",
              "t47"."anchor_day_of_month",
              "t47"."anchor_second",
              "t47"."anchor_month",
              "t47"."term_months",
              "t47"."window_kind",
              "t47"."period",
              "t47"."as_of",
              "t47"."this_month",
              "t47"."step",
              "t47"."open_first",
              "t47"."open_days",
              "t47"."current",
              "t47"."starts_next",
              "t47"."starts_0",
              "t47"."starts_1"
             FROM (
              SELECT
               "t46"."account_key",
               "t46"."product_id",
               "t46"."anchor_day_of_month",
               "t46"."anchor_second",
               "t46"."anchor_month",
               "t46"."term_months",
               "t46"."window_kind",
               "t46"."period",
               "t46"."as_of",
               "t46"."this_month",
               "t46"."step",
               "t46"."open_first",
               "t46"."open_days",
               "t46"."current",
               "t46"."starts_next",
               "t46"."starts_0",
               "t46"."month_of",
               "t46"."window_first",
               "t46"."window_days",
               (
                (
                 (
                  "t46"."window_first" + LEAST("t46"."anchor_day_of_month", "t46"."window_days")
                 ) - 1
                ) * 86400
               ) + "t46"."anchor_second" AS "starts_1"
              FROM (
               SELECT
                "t45"."account_key",
                "t45"."product_id",
                "t45"."anchor_day_of_month",
                "t45"."anchor_second",
                "t45"."anchor_month",
                "t45"."term_months",
                "t45"."window_kind",
                "t45"."period",
                "t45"."as_of",
                "t45"."this_month",
                "t45"."step",
                "t45"."open_first",
                "t45"."open_days",
                "t45"."current",
                "t45"."starts_next",
                "t45"."starts_0",
                "t45"."month_of",
                "t15"."window_first",
                "t15"."window_days"
               FROM (
                SELECT
                 "t43"."account_key",
                 "t43"."product_id",
                 "t43"."anchor_day_of_month",
                 "t43"."anchor_second",
                 "t43"."anchor_month",
                 "t43"."term_months",
                 "t43"."window_kind",
                 "t43"."period",
                 "t43"."as_of",
                 "t43"."this_month",
                 "t43"."step",
                 "t43"."open_first",
                 "t43"."open_days",
                 "t43"."current",
                 "t43"."starts_next",
                 "t43"."starts_0",
                 CAST("t43"."current" - (
                  "t43"."step" * 1
                 ) AS INT) AS "month_of"
                FROM (
                 SELECT
                  "t42"."account_key",
                  "t42"."product_id",
                  "t42"."anchor_day_of_month",
                  "t42"."anchor_second",
                  "t42"."anchor_month",
                  "t42"."term_months",
                  "t42"."window_kind",
                  "t42"."period",
                  "t42"."as_of",
                  "t42"."this_month",
                  "t42"."step",
                  "t42"."open_first",
                  "t42"."open_days",
                  "t42"."current",
                  "t42"."starts_next",
                  "t42"."starts_0"
                 FROM (
                  SELECT
                   "t41"."account_key",
                   "t41"."product_id",
                   "t41"."anchor_day_of_month",
                   "t41"."anchor_second",
                   "t41"."anchor_month",
                   "t41"."term_months",
                   "t41"."window_kind",
                   "t41"."period",
                   "t41"."as_of",
                   "t41"."this_month",
                   "t41"."step",
                   "t41"."open_first",
                   "t41"."open_days",
                   "t41"."current",
                   "t41"."starts_next",
                   "t41"."month_of",
                   "t41"."window_first",
                   "t41"."window_days",
                   (
                    (
                     (
                      "t41"."window_first" + LEAST("t41"."anchor_day_of_month", "t41"."window_days")
                     ) - 1
                    ) * 86400
                   ) + "t41"."anchor_second" AS "starts_0"
                  FROM (
                   SELECT
                    "t40"."account_key",
                    "t40"."product_id",
                    "t40"."anchor_day_of_month",
                    "t40"."anchor_second",
                    "t40"."anchor_month",
                    "t40"."term_months",
                    "t40"."window_kind",
                    "t40"."period",
                    "t40"."as_of",
                    "t40"."this_month",
                    "t40"."step",
                    "t40"."open_first",
                    "t40"."open_days",
                    "t40"."current",
                    "t40"."starts_next",
                    "t40"."month_of",
                    "t15"."window_first",
                    "t15"."window_days"
                   FROM (
                    SELECT
                     "t38"."account_key",
                     "t38"."product_id",
                     "t38"."anchor_day_of_month",
                     "t38"."anchor_second",
                     "t38"."anchor_month",
                     "t38"."term_months",
                     "t38"."window_kind",
                     "t38"."period",
                     "t38"."as_of",
                     "t38"."this_month",
                     "t38"."step",
                     "t38"."open_first",
                     "t38"."open_days",
                     "t38"."current",
                     "t38"."starts_next",
                     CAST("t38"."current" - (
                      "t38"."step" * 0
                     ) AS INT) AS "month_of"
                    FROM (
                     SELECT
                      "t37"."account_key",
                      "t37"."product_id",
                      "t37"."anchor_day_of_month",
                      "t37"."anchor_second",
                      "t37"."anchor_month",
                      "t37"."term_months",
                      "t37"."window_kind",
                      "t37"."period",
                      "t37"."as_of",
                      "t37"."this_month",
                      "t37"."step",
                      "t37"."open_first",
                      "t37"."open_days",
                      "t37"."current",
                      "t37"."starts_next"
                     FROM (
                      SELECT
                       "t36"."account_key",
                       "t36"."product_id",
                       "t36"."anchor_day_of_month",
                       "t36"."anchor_second",
                       "t36"."anchor_month",
                       "t36"."term_months",
                       "t36"."window_kind",
                       "t36"."period",
                       "t36"."as_of",
                       "t36"."this_month",
                       "t36"."step",
                       "t36"."open_first",
                       "t36"."open_days",
                       "t36"."current",
                       "t36"."month_of",
                       "t36"."window_first",
                       "t36"."window_days",
                       (
                        (
                         (
                          "t36"."window_first" + LEAST("t36"."anchor_day_of_month", "t36"."window_days")
                         ) - 1
                        ) * 86400
                       ) + "t36"."anchor_second" AS "starts_next"
                      FROM (
                       SELECT
                        "t35"."account_key",
                        "t35"."product_id",
                        "t35"."anchor_day_of_month",
                        "t35"."anchor_second",
                        "t35"."anchor_month",
                        "t35"."term_months",
                        "t35"."window_kind",
                        "t35"."period",
                        "t35"."as_of",
                        "t35"."this_month",
                        "t35"."step",
                        "t35"."open_first",
                        "t35"."open_days",
                        "t35"."current",
                        "t35"."month_of",
                        "t15"."window_first",
                        "t15"."window_days"
                       FROM (
                        SELECT
                         "t33"."account_key",
                         "t33"."product_id",
                         "t33"."anchor_day_of_month",
                         "t33"."anchor_second",
                         "t33"."anchor_month",
                         "t33"."term_months",
                         "t33"."window_kind",
                         "t33"."period",
                         "t33"."as_of",
                         "t33"."this_month",
                         "t33"."step",
                         "t33"."open_first",
                         "t33"."open_days",
                         "t33"."current",
                         CAST("t33"."current" - (
                          "t33"."step" * -1
                         ) AS INT) AS "month_of"
                        FROM (
                         SELECT
                          "t32"."account_key",
                          "t32"."product_id",
                          "t32"."anchor_day_of_month",
                          "t32"."anchor_second",
                          "t32"."anchor_month",
                          "t32"."term_months",
                          "t32"."window_kind",
                          "t32"."period",
                          "t32"."as_of",
                          "t32"."this_month",
                          "t32"."step",
                          "t32"."open_first",
                          "t32"."open_days",
                          CAST(CASE
                           WHEN (
                            (
                             (
                              (
                               "t32"."open_first" + LEAST("t32"."anchor_day_of_month", "t32"."open_days")
                              ) - 1
                             ) * 86400
                            ) + "t32"."anchor_second"
                           ) <= "t32"."as_of"
                           THEN "t32"."this_month"
                           ELSE "t32"."this_month" - 1
                          END - (
                           (
                            CASE
                             WHEN (
                              (
                               (
                                (
                                 "t32"."open_first" + LEAST("t32"."anchor_day_of_month", "t32"."open_days")
                                ) - 1
                               ) * 86400
                              ) + "t32"."anchor_second"
                             ) <= "t32"."as_of"
                             THEN "t32"."this_month"
                             ELSE "t32"."this_month" - 1
                            END - "t32"."anchor_month"
                           ) % "t32"."step"
                          ) AS INT) AS "current"
                         FROM (
                          SELECT
                           "t31"."account_key",
                           "t31"."product_id",
                           "t31"."anchor_day_of_month",
                           "t31"."anchor_second",
                           "t31"."anchor_month",
                           "t31"."term_months",
                           "t31"."window_kind",
                           "t31"."period",
                           "t31"."as_of",
                           "t31"."this_month",
                           "t31"."step",
                           "t16"."open_first",
                           "t16"."open_days"
                          FROM (
                           SELECT
                            "t28"."account_key",
                            "t28"."product_id",
                            "t28"."anchor_day_of_month",
                            "t28"."anchor_second",
                            "t28"."anchor_month",
                            "t28"."term_months",
                            "t28"."window_kind",
                            "t28"."period",
                            "t28"."as_of",
                            "t28"."this_month",
                            CASE
                             WHEN (
                              "t28"."period" = 'billing_term'
                             ) AND (
                              "t28"."term_months" > 0
                             )
                             THEN "t28"."term_months"
                             ELSE 1
                            END AS "step"
                           FROM (
                            SELECT
                             "t27"."account_key",
                             "t27"."product_id",
                             "t27"."anchor_day_of_month",
                             "t27"."anchor_second",
                             "t27"."anchor_month",
                             "t27"."term_months",
                             "t27"."window_kind",
                             "t27"."period",
                             "t17"."as_of",
                             "t17"."this_month"
                            FROM (
                             SELECT
                              *
                             FROM "t19" AS "t21"
                             WHERE
                              "t21"."period" IN ('billing_month', 'billing_term')
                            ) AS "t27"
                            CROSS JOIN (
                             SELECT
                              "t5"."as_of",
                              "t5"."this_month"
                             FROM "today" AS "t5"
                            ) AS "t17"
                           ) AS "t28"
                          ) AS "t31"
                          INNER JOIN (
                           SELECT
                            "t4"."month" AS "this_month",
                            "t4"."first_day" AS "open_first",
                            "t4"."days" AS "open_days"
                           FROM "calendar_month" AS "t4"
                          ) AS "t16"
                           ON "t31"."this_month" = "t16"."this_month"
                         ) AS "t32"
                        ) AS "t33"
                       ) AS "t35"
                       INNER JOIN (
                        SELECT
                         "t4"."month" AS "month_of",
                         "t4"."first_day" AS "window_first",
                         "t4"."days" AS "window_days"
                        FROM "calendar_month" AS "t4"
                       ) AS "t15"
                        ON "t35"."month_of" = "t15"."month_of"
                      ) AS "t36"
                     ) AS "t37"
                    ) AS "t38"
                   ) AS "t40"
                   INNER JOIN (
                    SELECT
                     "t4"."month" AS "month_of",
                     "t4"."first_day" AS "window_first",
                     "t4"."days" AS "window_days"
                    FROM "calendar_month" AS "t4"
                   ) AS "t15"
                    ON "t40"."month_of" = "t15"."month_of"
                  ) AS "t41"
                 ) AS "t42"
                ) AS "t43"
               ) AS "t45"
               INNER JOIN (
                SELECT
                 "t4"."month" AS "month_of",
                 "t4"."first_day" AS "window_first",
                 "t4"."days" AS "window_days"
                FROM "calendar_month" AS "t4"
               ) AS "t15"
                ON "t45"."month_of" = "t15"."month_of"
              ) AS "t46"
             ) AS "t47"
            ) AS "t48"
           ) AS "t50"
           INNER JOIN (
            SELECT
             "t4"."month" AS "month_of",
             "t4"."first_day" AS "window_first",
             "t4"."days" AS "window_days"
            FROM "calendar_month" AS "t4"
           ) AS "t15"
            ON "t50"."month_of" = "t15"."month_of"
          ) AS "t51"
         ) AS "t52"
        ) AS "t53"
       ) AS "t55"
       INNER JOIN (
        SELECT
         "t4"."month" AS "month_of",
         "t4"."first_day" AS "window_first",
         "t4"."days" AS "window_days"
        FROM "calendar_month" AS "t4"
       ) AS "t15"
        ON "t55"."month_of" = "t15"."month_of"
      ) AS "t56"
     ) AS "t57"
    ) AS "t58"
   ) AS "t59"
   UNION ALL
   SELECT
    *
   FROM (
    SELECT
     "t26"."account_key",
     "t26"."product_id",
     "t26"."window_kind",
     COALESCE("t6"."starts_next", "t22"."home_starts_next") AS "starts_next",
     COALESCE("t6"."starts_0", "t22"."home_starts_0") AS "starts_0",
     COALESCE("t6"."starts_1", "t22"."home_starts_1") AS "starts_1",
     COALESCE("t6"."starts_2", "t22"."home_starts_2") AS "starts_2",
     COALESCE("t6"."starts_3", "t22"."home_starts_3") AS "starts_3"
    FROM (
     SELECT
      *
     FROM "t19" AS "t21"
     WHERE
      "t21"."period" = 'calendar_month'
    ) AS "t26"
    INNER JOIN (
     SELECT
      "t2"."account_key",
      "t2"."time_zone"
     FROM "account" AS "t2"
    ) AS "t14"
     ON "t26"."account_key" = "t14"."account_key"
    LEFT OUTER JOIN "zone_month" AS "t6"
     ON "t14"."time_zone" = "t6"."time_zone"
    CROSS JOIN (
     SELECT
      "t18"."starts_next" AS "home_starts_next",
      "t18"."starts_0" AS "home_starts_0",
      "t18"."starts_1" AS "home_starts_1",
      "t18"."starts_2" AS "home_starts_2",
      "t18"."starts_3" AS "home_starts_3"
     FROM (
      SELECT
       "t13"."starts_next",
       "t13"."starts_0",
       "t13"."starts_1",
       "t13"."starts_2",
       "t13"."starts_3"
      FROM (
       SELECT
        *
       FROM "zone_month" AS "t0"
       WHERE
        "t0"."time_zone" = ''
      ) AS "t13"
     ) AS "t18"
    ) AS "t22"
   ) AS "t29"
  ) AS "t60"
  UNION ALL
  SELECT
   *
  FROM (
   SELECT
    "t21"."account_key",
    "t21"."product_id",
    "t21"."window_kind",
    1099511627776 AS "starts_next",
    0 AS "starts_0",
    CAST(NULL AS BIGINT) AS "starts_1",
    CAST(NULL AS BIGINT) AS "starts_2",
    CAST(NULL AS BIGINT) AS "starts_3"
   FROM "t19" AS "t21"
   WHERE
    "t21"."period" = 'lifetime'
  ) AS "t23"
 ) AS "t61"
) AS stage;

-- cut_events 7cefd06955c37c9c
SELECT
 CAST("account_key" AS INT) AS "account_key",
 CAST("meter_key" AS INT) AS "meter_key",
 CAST("contact_key" AS INT) AS "contact_key",
 CAST("day" AS INT) AS "day",
 CAST("occurred_at" AS BIGINT) AS "occurred_at",
 CAST("quantity" AS BIGINT) AS "quantity"
FROM (
 SELECT
  "t2"."account_key",
  "t2"."meter_key",
  "t2"."contact_key",
  "t2"."day",
  "t2"."occurred_at",
  "t2"."quantity"
 FROM "usage_raw" AS "t2"
 WHERE
  EXISTS(
   SELECT
    1
   FROM (
    SELECT DISTINCT
     *
    FROM (
     SELECT
      *
     FROM (
      SELECT
       *
      FROM (
       SELECT
        *
       FROM (
        SELECT
         "t1"."account_key",
         "t1"."edge_0" AS "day"
        FROM "spans" AS "t1"
       ) AS "t5"
       UNION ALL
       SELECT
        *
       FROM (
        SELECT
         "t1"."account_key",
         "t1"."edge_1" AS "day"
        FROM "spans" AS "t1"
       ) AS "t6"
      ) AS "t7"
      UNION ALL
      SELECT
       *
      FROM (
       SELECT
        "t1"."account_key",
        "t1"."edge_2" AS "day"
       FROM "spans" AS "t1"
      ) AS "t4"
     ) AS "t8"
     UNION ALL
     SELECT
      *
     FROM (
      SELECT
       "t1"."account_key",
       "t1"."edge_3" AS "day"
      FROM "spans" AS "t1"
     ) AS "t3"
    ) AS "t9"
    WHERE
     "t9"."day" >= 0
   ) AS "t11"
   WHERE
    "t2"."account_key" = "t11"."account_key" AND "t2"."day" = "t11"."day"
  )
) AS stage;

-- contact_days 0414764281e73151
SELECT
 CAST("account_key" AS INT) AS "account_key",
 CAST("meter_key" AS INT) AS "meter_key",
 CAST("contact_key" AS INT) AS "contact_key",
 CAST("window_kind" AS INT) AS "window_kind",
 CAST("day" AS INT) AS "day"
FROM (
 SELECT
  "t13"."account_key",
  "t13"."meter_key",
  "t13"."contact_key",
  "t13"."window_kind",
  "t13"."day"
 FROM (
  SELECT
   "t4"."account_key",
   "t4"."meter_key",
   "t4"."contact_key",
   "t4"."month",
   "t4"."day_mask",
   "t9"."window_kind",
   "t12"."day",
   "t12"."day_bit"
  FROM "usage_contact" AS "t4"
  INNER JOIN (
   SELECT
    "t1"."meter_key",
    "t1"."window_kind"
   FROM "catalog_meter" AS "t1"
   WHERE
    "t1"."aggregate" = 'unique_contacts'
  ) AS "t9"
   ON "t4"."meter_key" = "t9"."meter_key"
  INNER JOIN (
   SELECT
    "t10"."month",
    "t10"."day",
    1 << (
     "t10"."day_of_month" - 1
    ) AS "day_bit"
   FROM (
    SELECT
     "t5"."day",
     "t5"."month",
     "t5"."day_of_month",
     "t8"."as_of_day"
    FROM "calendar_day" AS "t5"
    CROSS JOIN (
     SELECT
      "t3"."as_of_day"
     FROM "today" AS "t3"
    ) AS "t8"
   ) AS "t10"
   WHERE
    "t10"."day" <= "t10"."as_of_day"
  ) AS "t12"
   ON "t4"."month" = "t12"."month"
 ) AS "t13"
 WHERE
  (
   "t13"."day_mask" & "t13"."day_bit"
  ) <> 0
) AS stage;

-- flows 676c7b0494aee79a
SELECT
 CAST("account_key" AS INT) AS "account_key",
 CAST("meter_key" AS INT) AS "meter_key",
 CAST("used" AS BIGINT) AS "used",
 CAST("used_1" AS BIGINT) AS "used_1",
 CAST("used_2" AS BIGINT) AS "used_2",
 CAST("used_3" AS BIGINT) AS "used_3",
 CAST("week_1" AS BIGINT) AS "week_1",
 CAST("week_2" AS BIGINT) AS "week_2",
 CAST("week_3" AS BIGINT) AS "week_3",
 CAST("week_4" AS BIGINT) AS "week_4",
 CAST("week_5" AS BIGINT) AS "week_5",
 CAST("week_6" AS BIGINT) AS "week_6",
 CAST("week_7" AS BIGINT) AS "week_7",
 CAST("week_8" AS BIGINT) AS "week_8"
FROM (
 WITH "t30" AS (
  SELECT
   *
  FROM (
   SELECT
    "t23"."account_key",
    "t23"."meter_key",
    "t23"."aggregate",
    CAST(CASE
     WHEN (
      CAST("t23"."day" AS BIGINT) * 86400
     ) >= "t23"."starts_next"
     THEN -1
     WHEN (
      CAST("t23"."day" AS BIGINT) * 86400
     ) >= "t23"."starts_0"
     THEN 0
     WHEN (
      CAST("t23"."day" AS BIGINT) * 86400
     ) >= "t23"."starts_1"
     THEN 1
     WHEN (
      CAST("t23"."day" AS BIGINT) * 86400
     ) >= "t23"."starts_2"
     THEN 2
     WHEN (
      CAST("t23"."day" AS BIGINT) * 86400
     ) >= "t23"."starts_3"
     THEN 3
     ELSE -1
    END AS INT) AS "span",
    "t23"."as_of_day" - "t23"."day" AS "age",
    CAST(CASE
     WHEN "t23"."aggregate" = 'sum'
     THEN "t23"."quantity"
     WHEN "t23"."aggregate" = 'count'
     THEN "t23"."events"
     ELSE "t23"."quantity_max"
    END AS DOUBLE PRECISION) AS "value"
   FROM (
    SELECT
     "t7"."account_key",
     "t7"."meter_key",
     "t7"."day",
     "t7"."quantity",
     "t7"."events",
     "t7"."quantity_max",
     "t7"."quantity_latest",
     "t17"."as_of",
     "t17"."as_of_day",
     "t20"."aggregate",
     "t20"."window_kind",
     "t10"."product_id",
     "t10"."starts_next",
     "t10"."starts_0",
     "t10"."starts_1",
     "t10"."starts_2",
     "t10"."starts_3",
     "t10"."edge_0",
     "t10"."edge_1",
     "t10"."edge_2",
     "t10"."edge_3"
    FROM "usage_day" AS "t7"
    CROSS JOIN (
     SELECT
      "t5"."as_of",
      "t5"."as_of_day"
     FROM "today" AS "t5"
    ) AS "t17"
    INNER JOIN (
     SELECT
      "t4"."meter_key",
      "t4"."aggregate",
      "t4"."window_kind"
     FROM "catalog_meter" AS "t4"
     WHERE
      "t4"."meter_kind" = 'flow' AND "t4"."aggregate" <> 'unique_contacts'
    ) AS "t20"
     ON "t7"."meter_key" = "t20"."meter_key"
    INNER JOIN "spans" AS "t10"
     ON "t7"."account_key" = "t10"."account_key"
     AND "t20"."window_kind" = "t10"."window_kind"
   ) AS "t23"
   WHERE
    NOT (
     (
      "t23"."day" = "t23"."edge_0"
     )
     OR (
      "t23"."day" = "t23"."edge_1"
     )
     OR (
      "t23"."day" = "t23"."edge_2"
     )
     OR (
      "t23"."day" = "t23"."edge_3"
     )
    )
  ) AS "t29"
  UNION ALL
  SELECT
   *
  FROM (
   SELECT
    "t24"."account_key",
    "t24"."meter_key",
    "t24"."aggregate",
    CAST(CASE
     WHEN "t24"."occurred_at" >= "t24"."starts_next"
     THEN -1
     WHEN "t24"."occurred_at" >= "t24"."starts_0"
     THEN 0
     WHEN "t24"."occurred_at" >= "t24"."starts_1"
     THEN 1
     WHEN "t24"."occurred_at" >= "t24"."starts_2"
     THEN 2
     WHEN "t24"."occurred_at" >= "t24"."starts_3"
     THEN 3
     ELSE -1
    END AS INT) AS "span",
    "t24"."as_of_day" - "t24"."day" AS "age",
    CAST(CASE WHEN "t24"."aggregate" = 'count' THEN 1 ELSE "t24"."quantity" END AS DOUBLE PRECISION) AS "value"
   FROM (
    SELECT
     "t8"."account_key",
     "t8"."meter_key",
     "t8"."contact_key",
     "t8"."day",
     "t8"."occurred_at",
     "t8"."quantity",
     "t17"."as_of",
     "t17"."as_of_day",
     "t20"."aggregate",
     "t20"."window_kind",
     "t10"."product_id",
     "t10"."starts_next",
     "t10"."starts_0",
     "t10"."starts_1",
     "t10"."starts_2",
     "t10"."starts_3",
     "t10"."edge_0",
     "t10"."edge_1",
     "t10"."edge_2",
     "t10"."edge_3"
    FROM "cut_events" AS "t8"
    CROSS JOIN (
     SELECT
      "t5"."as_of",
      "t5"."as_of_day"
     FROM "today" AS "t5"
    ) AS "t17"
    INNER JOIN (
     SELECT
      "t4"."meter_key",
      "t4"."aggregate",
      "t4"."window_kind"
     FROM "catalog_meter" AS "t4"
     WHERE
      "t4"."meter_kind" = 'flow' AND "t4"."aggregate" <> 'unique_contacts'
    ) AS "t20"
     ON "t8"."meter_key" = "t20"."meter_key"
    INNER JOIN "spans" AS "t10"
     ON "t8"."account_key" = "t10"."account_key"
     AND "t20"."window_kind" = "t10"."window_kind"
   ) AS "t24"
   WHERE
    (
     (
      "t24"."day" = "t24"."edge_0"
     )
     OR (
      "t24"."day" = "t24"."edge_1"
     )
     OR (
      "t24"."day" = "t24"."edge_2"
     )
     OR (
      "t24"."day" = "t24"."edge_3"
     )
    )
    AND "t24"."occurred_at" <= "t24"."as_of"
  ) AS "t27"
 )
 SELECT
  *
 FROM (
  SELECT
   *
  FROM (
   SELECT
    "t34"."account_key",
    "t34"."meter_key",
    CAST(SUM(CASE WHEN "t34"."span" = 0 THEN "t34"."value" ELSE 0.0 END) AS BIGINT) AS "used",
    CAST(SUM(CASE WHEN "t34"."span" = 1 THEN "t34"."value" ELSE 0.0 END) AS BIGINT) AS "used_1",
    CAST(SUM(CASE WHEN "t34"."span" = 2 THEN "t34"."value" ELSE 0.0 END) AS BIGINT) AS "used_2",
    CAST(SUM(CASE WHEN "t34"."span" = 3 THEN "t34"."value" ELSE 0.0 END) AS BIGINT) AS "used_3",
    CAST(SUM(
     CASE
      WHEN (
       "t34"."age" > 0
      ) AND (
       "t34"."age" <= 7
      )
      THEN "t34"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_1",
    CAST(SUM(
     CASE
      WHEN (
       "t34"."age" > 7
      ) AND (
       "t34"."age" <= 14
      )
      THEN "t34"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_2",
    CAST(SUM(
     CASE
      WHEN (
       "t34"."age" > 14
      ) AND (
       "t34"."age" <= 21
      )
      THEN "t34"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_3",
    CAST(SUM(
     CASE
      WHEN (
       "t34"."age" > 21
      ) AND (
       "t34"."age" <= 28
      )
      THEN "t34"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_4",
    CAST(SUM(
     CASE
      WHEN (
       "t34"."age" > 28
      ) AND (
       "t34"."age" <= 35
      )
      THEN "t34"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_5",
    CAST(SUM(
     CASE
      WHEN (
       "t34"."age" > 35
      ) AND (
       "t34"."age" <= 42
      )
      THEN "t34"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_6",
    CAST(SUM(
     CASE
      WHEN (
       "t34"."age" > 42
      ) AND (
       "t34"."age" <= 49
      )
      THEN "t34"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_7",
    CAST(SUM(
     CASE
      WHEN (
       "t34"."age" > 49
      ) AND (
       "t34"."age" <= 56
      )
      THEN "t34"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_8"
   FROM (
    SELECT
     *
    FROM "t30" AS "t32"
    WHERE
     NOT (
      "t32"."aggregate" = 'max'
     )
   ) AS "t34"
   GROUP BY
    1,
    2
  ) AS "t38"
  UNION ALL
  SELECT
   *
  FROM (
   SELECT
    "t33"."account_key",
    "t33"."meter_key",
    CAST(MAX(CASE WHEN "t33"."span" = 0 THEN "t33"."value" ELSE 0.0 END) AS BIGINT) AS "used",
    CAST(MAX(CASE WHEN "t33"."span" = 1 THEN "t33"."value" ELSE 0.0 END) AS BIGINT) AS "used_1",
    CAST(MAX(CASE WHEN "t33"."span" = 2 THEN "t33"."value" ELSE 0.0 END) AS BIGINT) AS "used_2",
    CAST(MAX(CASE WHEN "t33"."span" = 3 THEN "t33"."value" ELSE 0.0 END) AS BIGINT) AS "used_3",
    CAST(MAX(
     CASE
      WHEN (
       "t33"."age" > 0
      ) AND (
       "t33"."age" <= 7
      )
      THEN "t33"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_1",
    CAST(MAX(
     CASE
      WHEN (
       "t33"."age" > 7
      ) AND (
       "t33"."age" <= 14
      )
      THEN "t33"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_2",
    CAST(MAX(
     CASE
      WHEN (
       "t33"."age" > 14
      ) AND (
       "t33"."age" <= 21
      )
      THEN "t33"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_3",
    CAST(MAX(
     CASE
      WHEN (
       "t33"."age" > 21
      ) AND (
       "t33"."age" <= 28
      )
      THEN "t33"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_4",
    CAST(MAX(
     CASE
      WHEN (
       "t33"."age" > 28
      ) AND (
       "t33"."age" <= 35
      )
      THEN "t33"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_5",
    CAST(MAX(
     CASE
      WHEN (
       "t33"."age" > 35
      ) AND (
       "t33"."age" <= 42
      )
      THEN "t33"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_6",
    CAST(MAX(
     CASE
      WHEN (
       "t33"."age" > 42
      ) AND (
       "t33"."age" <= 49
      )
      THEN "t33"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_7",
    CAST(MAX(
     CASE
      WHEN (
       "t33"."age" > 49
      ) AND (
       "t33"."age" <= 56
      )
      THEN "t33"."value"
      ELSE 0.0
     END
    ) AS BIGINT) AS "week_8"
   FROM (
    SELECT
     *
    FROM "t30" AS "t32"
    WHERE
     "t32"."aggregate" = 'max'
   ) AS "t33"
   GROUP BY
    1,
    2
  ) AS "t37"
 ) AS "t39"
 UNION ALL
 SELECT
  *
 FROM (
  SELECT
   "t35"."account_key",
   "t35"."meter_key",
   "t35"."used",
   "t35"."used_1",
   "t35"."used_2",
   "t35"."used_3",
   0 AS "week_1",
   0 AS "week_2",
   0 AS "week_3",
   0 AS "week_4",
   0 AS "week_5",
   0 AS "week_6",
   0 AS "week_7",
   0 AS "week_8"
  FROM (
   SELECT
    "t31"."account_key",
    "t31"."meter_key",
    SUM(CASE WHEN "t31"."span" = 0 THEN 1 ELSE 0 END) AS "used",
    SUM(CASE WHEN "t31"."span" = 1 THEN 1 ELSE 0 END) AS "used_1",
    SUM(CASE WHEN "t31"."span" = 2 THEN 1 ELSE 0 END) AS "used_2",
    SUM(CASE WHEN "t31"."span" = 3 THEN 1 ELSE 0 END) AS "used_3"
   FROM (
    SELECT DISTINCT
     *
    FROM (
     SELECT
      *
     FROM (
      SELECT
       "t21"."account_key",
       "t21"."meter_key",
       "t21"."contact_key",
       CAST(CASE
        WHEN (
         CAST("t21"."day" AS BIGINT) * 86400
        ) >= "t21"."starts_next"
        THEN -1
        WHEN (
         CAST("t21"."day" AS BIGINT) * 86400
        ) >= "t21"."starts_0"
        THEN 0
        WHEN (
         CAST("t21"."day" AS BIGINT) * 86400
        ) >= "t21"."starts_1"
        THEN 1
        WHEN (
         CAST("t21"."day" AS BIGINT) * 86400
        ) >= "t21"."starts_2"
        THEN 2
        WHEN (
         CAST("t21"."day" AS BIGINT) * 86400
        ) >= "t21"."starts_3"
        THEN 3
        ELSE -1
       END AS INT) AS "span"
      FROM (
       SELECT
        "t6"."account_key",
        "t6"."meter_key",
        "t6"."contact_key",
        "t6"."window_kind",
        "t6"."day",
        "t9"."product_id",
        "t9"."starts_next",
        "t9"."starts_0",
        "t9"."starts_1",
        "t9"."starts_2",
        "t9"."starts_3",
        "t9"."edge_0",
        "t9"."edge_1",
        "t9"."edge_2",
        "t9"."edge_3"
       FROM "contact_days" AS "t6"
       INNER JOIN "spans" AS "t9"
        ON "t6"."account_key" = "t9"."account_key"
        AND "t6"."window_kind" = "t9"."window_kind"
      ) AS "t21"
      WHERE
       NOT (
        (
         "t21"."day" = "t21"."edge_0"
        )
        OR (
         "t21"."day" = "t21"."edge_1"
        )
        OR (
         "t21"."day" = "t21"."edge_2"
        )
        OR (
         "t21"."day" = "t21"."edge_3"
        )
       )
     ) AS "t25"
     UNION ALL
     SELECT
      *
     FROM (
      SELECT
       "t22"."account_key",
       "t22"."meter_key",
       "t22"."contact_key",
       CAST(CASE
        WHEN "t22"."occurred_at" >= "t22"."starts_next"
        THEN -1
        WHEN "t22"."occurred_at" >= "t22"."starts_0"
        THEN 0
        WHEN "t22"."occurred_at" >= "t22"."starts_1"
        THEN 1
        WHEN "t22"."occurred_at" >= "t22"."starts_2"
        THEN 2
        WHEN "t22"."occurred_at" >= "t22"."starts_3"
        THEN 3
        ELSE -1
       END AS INT) AS "span"
      FROM (
       SELECT
        "t18"."account_key",
        "t18"."meter_key",
        "t18"."contact_key",
        "t18"."day",
        "t18"."occurred_at",
        "t18"."quantity",
        "t19"."window_kind",
        "t16"."as_of",
        "t10"."product_id",
        "t10"."starts_next",
        "t10"."starts_0",
        "t10"."starts_1",
        "t10"."starts_2",
        "t10"."starts_3",
        "t10"."edge_0",
        "t10"."edge_1",
        "t10"."edge_2",
        "t10"."edge_3"
       FROM (
        SELECT
         *
        FROM "cut_events" AS "t2"
        WHERE
         "t2"."contact_key" IS NOT NULL
       ) AS "t18"
       INNER JOIN (
        SELECT
         "t4"."meter_key",
         "t4"."window_kind"
        FROM "catalog_meter" AS "t4"
        WHERE
         "t4"."aggregate" = 'unique_contacts'
       ) AS "t19"
        ON "t18"."meter_key" = "t19"."meter_key"
       CROSS JOIN (
        SELECT
         "t5"."as_of"
        FROM "today" AS "t5"
       ) AS "t16"
       INNER JOIN "spans" AS "t10"
        ON "t18"."account_key" = "t10"."account_key"
        AND "t19"."window_kind" = "t10"."window_kind"
      ) AS "t22"
      WHERE
       (
        (
         "t22"."day" = "t22"."edge_0"
        )
        OR (
         "t22"."day" = "t22"."edge_1"
        )
        OR (
         "t22"."day" = "t22"."edge_2"
        )
        OR (
         "t22"."day" = "t22"."edge_3"
        )
       )
       AND "t22"."occurred_at" <= "t22"."as_of"
     ) AS "t26"
    ) AS "t28"
   ) AS "t31"
   GROUP BY
    1,
    2
  ) AS "t35"
 ) AS "t36"
) AS stage;

-- levels 766f7fd290bc6df8
SELECT
 CAST("account_key" AS INT) AS "account_key",
 CAST("meter_key" AS INT) AS "meter_key",
 CAST("day" AS INT) AS "day",
 CAST("level" AS BIGINT) AS "level",
 CAST("day_until" AS INT) AS "day_until"
FROM (
 SELECT
  "t5"."account_key",
  "t5"."meter_key",
  "t5"."day",
  CASE
   WHEN "t5"."aggregate" IN ('sum', 'count')
   THEN SUM(CASE WHEN "t5"."aggregate" = 'count' THEN "t5"."events" ELSE "t5"."quantity" END) OVER (
    PARTITION BY "t5"."account_key", "t5"."meter_key"
    ORDER BY "t5"."day" ASC
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
   )
   ELSE CASE
    WHEN "t5"."aggregate" = 'max'
    THEN MAX("t5"."quantity_max") OVER (
     PARTITION BY "t5"."account_key", "t5"."meter_key"
     ORDER BY "t5"."day" ASC
     ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
    ELSE "t5"."quantity_latest"
   END
  END AS "level",
  COALESCE(
   LEAD("t5"."day") OVER (
    PARTITION BY "t5"."account_key", "t5"."meter_key"
    ORDER BY "t5"."day" ASC
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
   ),
   1073741824
  ) AS "day_until"
 FROM (
  SELECT
   "t2"."account_key",
   "t2"."meter_key",
   "t2"."day",
   "t2"."quantity",
   "t2"."events",
   "t2"."quantity_max",
   "t2"."quantity_latest",
   "t4"."aggregate"
  FROM "usage_day" AS "t2"
  INNER JOIN (
   SELECT
    "t1"."meter_key",
    "t1"."aggregate"
   FROM "catalog_meter" AS "t1"
   WHERE
    "t1"."meter_kind" = 'stock' AND "t1"."aggregate" <> 'unique_contacts'
  ) AS "t4"
   ON "t2"."meter_key" = "t4"."meter_key"
 ) AS "t5"
) AS stage;

-- stocks 4a07f1bbe2d3d3de
SELECT
 CAST("account_key" AS INT) AS "account_key",
 CAST("meter_key" AS INT) AS "meter_key",
 CAST("level_0" AS BIGINT) AS "level_0",
 CAST("level_1" AS BIGINT) AS "level_1",
 CAST("level_2" AS BIGINT) AS "level_2",
 CAST("level_3" AS BIGINT) AS "level_3",
 CAST("level_4" AS BIGINT) AS "level_4",
 CAST("level_5" AS BIGINT) AS "level_5",
 CAST("level_6" AS BIGINT) AS "level_6",
 CAST("level_7" AS BIGINT) AS "level_7",
 CAST("level_8" AS BIGINT) AS "level_8",
 CAST("used" AS BIGINT) AS "used"
FROM (
 SELECT
  "t6"."account_key",
  "t6"."meter_key",
  "t6"."level_0",
  "t6"."level_1",
  "t6"."level_2",
  "t6"."level_3",
  "t6"."level_4",
  "t6"."level_5",
  "t6"."level_6",
  "t6"."level_7",
  "t6"."level_8",
  "t6"."level_0" AS "used"
 FROM (
  SELECT
   "t5"."account_key",
   "t5"."meter_key",
   MAX(
    CASE
     WHEN (
      "t5"."day" <= (
       "t5"."as_of_day" - 0
      )
     )
     AND (
      "t5"."day_until" > (
       "t5"."as_of_day" - 0
      )
     )
     THEN "t5"."level"
     ELSE CAST(NULL AS BIGINT)
    END
   ) AS "level_0",
   MAX(
    CASE
     WHEN (
      "t5"."day" <= (
       "t5"."as_of_day" - 7
      )
     )
     AND (
      "t5"."day_until" > (
       "t5"."as_of_day" - 7
      )
     )
     THEN "t5"."level"
     ELSE CAST(NULL AS BIGINT)
    END
   ) AS "level_1",
   MAX(
    CASE
     WHEN (
      "t5"."day" <= (
       "t5"."as_of_day" - 14
      )
     )
     AND (
      "t5"."day_until" > (
       "t5"."as_of_day" - 14
      )
     )
     THEN "t5"."level"
     ELSE CAST(NULL AS BIGINT)
    END
   ) AS "level_2",
   MAX(
    CASE
     WHEN (
      "t5"."day" <= (
       "t5"."as_of_day" - 21
      )
     )
     AND (
      "t5"."day_until" > (
       "t5"."as_of_day" - 21
      )
     )
     THEN "t5"."level"
     ELSE CAST(NULL AS BIGINT)
    END
   ) AS "level_3",
   MAX(
    CASE
     WHEN (
      "t5"."day" <= (
       "t5"."as_of_day" - 28
      )
     )
     AND (
      "t5"."day_until" > (
       "t5"."as_of_day" - 28
      )
     )
     THEN "t5"."level"
     ELSE CAST(NULL AS BIGINT)
    END
   ) AS "level_4",
   MAX(
    CASE
     WHEN (
      "t5"."day" <= (
       "t5"."as_of_day" - 35
      )
     )
     AND (
      "t5"."day_until" > (
       "t5"."as_of_day" - 35
      )
     )
     THEN "t5"."level"
     ELSE CAST(NULL AS BIGINT)
    END
   ) AS "level_5",
   MAX(
    CASE
     WHEN (
      "t5"."day" <= (
       "t5"."as_of_day" - 42
      )
     )
     AND (
      "t5"."day_until" > (
       "t5"."as_of_day" - 42
      )
     )
     THEN "t5"."level"
     ELSE CAST(NULL AS BIGINT)
    END
   ) AS "level_6",
   MAX(
    CASE
     WHEN (
      "t5"."day" <= (
       "t5"."as_of_day" - 49
      )
     )
     AND (
      "t5"."day_until" > (
       "t5"."as_of_day" - 49
      )
     )
     THEN "t5"."level"
     ELSE CAST(NULL AS BIGINT)
    END
   ) AS "level_7",
   MAX(
    CASE
     WHEN (
      "t5"."day" <= (
       "t5"."as_of_day" - 56
      )
     )
     AND (
      "t5"."day_until" > (
       "t5"."as_of_day" - 56
      )
     )
     THEN "t5"."level"
     ELSE CAST(NULL AS BIGINT)
    END
   ) AS "level_8"
  FROM (
   SELECT
    "t2"."account_key",
    "t2"."meter_key",
    "t2"."day",
    "t2"."level",
    "t2"."day_until",
    "t4"."as_of_day"
   FROM "levels" AS "t2"
   CROSS JOIN (
    SELECT
     "t1"."as_of_day"
    FROM "today" AS "t1"
   ) AS "t4"
  ) AS "t5"
  GROUP BY
   1,
   2
 ) AS "t6"
) AS stage;

-- meter_profile 248aca4d8e984143
SELECT
 CAST("account_key" AS INT) AS "account_key",
 CAST("used" AS BIGINT) AS "used",
 CAST("used_1" AS BIGINT) AS "used_1",
 CAST("used_28d" AS BIGINT) AS "used_28d",
 CAST("used_prev_28d" AS BIGINT) AS "used_prev_28d",
 "meter_id"
FROM (
 SELECT
  "t9"."account_key",
  "t9"."used",
  "t9"."used_1",
  "t9"."used_28d",
  "t9"."used_prev_28d",
  "t9"."meter_id"
 FROM (
  SELECT
   "t8"."account_key",
   "t8"."meter_key",
   "t8"."used",
   "t8"."used_1",
   "t8"."used_28d",
   "t8"."used_prev_28d",
   "t5"."meter_id"
  FROM (
   SELECT
    *
   FROM (
    SELECT
     "t0"."account_key",
     "t0"."meter_key",
     "t0"."used",
     "t0"."used_1",
     "t0"."week_1" + "t0"."week_2" + "t0"."week_3" + "t0"."week_4" AS "used_28d",
     "t0"."week_5" + "t0"."week_6" + "t0"."week_7" + "t0"."week_8" AS "used_prev_28d"
    FROM "flows" AS "t0"
   ) AS "t6"
   UNION ALL
   SELECT
    *
   FROM (
    SELECT
     "t1"."account_key",
     "t1"."meter_key",
     "t1"."used",
     CAST(NULL AS BIGINT) AS "used_1",
     "t1"."used" AS "used_28d",
     "t1"."level_4" AS "used_prev_28d"
    FROM "stocks" AS "t1"
   ) AS "t3"
  ) AS "t8"
  INNER JOIN (
   SELECT
    "t2"."meter_key",
    "t2"."meter_id"
   FROM "catalog_meter" AS "t2"
  ) AS "t5"
   ON "t8"."meter_key" = "t5"."meter_key"
 ) AS "t9"
) AS stage;

-- lifetime e23bbe2751a20c21
SELECT
 CAST("account_key" AS INT) AS "account_key",
 CAST("meter_key" AS INT) AS "meter_key",
 CAST("lifetime" AS BIGINT) AS "lifetime"
FROM (
 SELECT
  "t5"."account_key",
  "t5"."meter_key",
  CAST(SUM(CAST("t5"."quantity" AS DOUBLE PRECISION)) AS BIGINT) AS "lifetime"
 FROM (
  SELECT
   "t2"."account_key",
   "t2"."meter_key",
   "t2"."day",
   "t2"."quantity",
   "t2"."events",
   "t2"."quantity_max",
   "t2"."quantity_latest"
  FROM "usage_day" AS "t2"
  INNER JOIN (
   SELECT DISTINCT
    "t1"."first_value_meter_key" AS "meter_key"
   FROM "catalog_product" AS "t1"
   WHERE
    "t1"."first_value_meter_key" IS NOT NULL
  ) AS "t4"
   ON "t2"."meter_key" = "t4"."meter_key"
 ) AS "t5"
 GROUP BY
  1,
  2
) AS stage;

-- milestones b803beb7f0b4a1c4
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 CAST("milestones" AS BIGINT) AS "milestones",
 CAST("milestones_28d" AS BIGINT) AS "milestones_28d"
FROM (
 SELECT
  "t10"."account_key",
  "t10"."product_id",
  MAX("t10"."reached") AS "milestones",
  MAX("t10"."reached" - "t10"."reached_before") AS "milestones_28d"
 FROM (
  SELECT
   "t9"."account_key",
   "t9"."product_id",
   "t9"."meter_key",
   "t9"."every",
   "t9"."life",
   "t9"."before",
   CAST(FLOOR("t9"."life" / CAST(NULLIF("t9"."every", 0) AS DOUBLE PRECISION)) AS BIGINT) AS "reached",
   CAST(FLOOR("t9"."before" / CAST(NULLIF("t9"."every", 0) AS DOUBLE PRECISION)) AS BIGINT) AS "reached_before"
  FROM (
   SELECT
    "t8"."account_key",
    "t8"."product_id",
    "t8"."meter_key",
    "t8"."every",
    SUM(CAST("t8"."quantity" AS DOUBLE PRECISION)) AS "life",
    SUM(CAST("t8"."old" AS DOUBLE PRECISION)) AS "before"
   FROM (
    SELECT
     "t7"."account_key",
     "t7"."product_id",
     "t7"."meter_key",
     "t7"."every",
     "t7"."day",
     "t7"."quantity",
     "t7"."as_of_day",
     CASE WHEN "t7"."day" <= (
      "t7"."as_of_day" - 28
     ) THEN "t7"."quantity" ELSE 0 END AS "old"
    FROM (
     SELECT
      "t3"."account_key",
      "t4"."product_id",
      "t3"."meter_key",
      "t4"."every",
      "t3"."day",
      "t3"."quantity",
      "t6"."as_of_day"
     FROM "usage_day" AS "t3"
     INNER JOIN "catalog_milestone" AS "t4"
      ON "t3"."meter_key" = "t4"."meter_key"
     CROSS JOIN (
      SELECT
       "t2"."as_of_day"
      FROM "today" AS "t2"
     ) AS "t6"
    ) AS "t7"
   ) AS "t8"
   GROUP BY
    1,
    2,
    3,
    4
  ) AS "t9"
 ) AS "t10"
 GROUP BY
  1,
  2
) AS stage;

-- active 28f58cfe17ff161c
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 CAST("contact_key" AS INT) AS "contact_key"
FROM (
 SELECT DISTINCT
  "t11"."account_key",
  "t11"."product_id",
  "t11"."contact_key"
 FROM (
  SELECT
   "t10"."account_key",
   "t10"."meter_key",
   "t10"."contact_key",
   "t10"."month",
   "t10"."day_mask",
   "t10"."this_month",
   "t10"."mask_this_month",
   "t10"."mask_last_month",
   "t6"."product_id"
  FROM (
   SELECT
    *
   FROM (
    SELECT
     "t3"."account_key",
     "t3"."meter_key",
     "t3"."contact_key",
     "t3"."month",
     "t3"."day_mask",
     "t7"."this_month",
     "t7"."mask_this_month",
     "t7"."mask_last_month"
    FROM "usage_contact" AS "t3"
    CROSS JOIN (
     SELECT
      "t2"."this_month",
      "t2"."mask_this_month",
      "t2"."mask_last_month"
     FROM "today" AS "t2"
    ) AS "t7"
   ) AS "t8"
   WHERE
    (
     (
      "t8"."month" = "t8"."this_month"
     )
     AND (
      (
       "t8"."day_mask" & "t8"."mask_this_month"
      ) <> 0
     )
    )
    OR (
     (
      "t8"."month" = (
       "t8"."this_month" - 1
      )
     )
     AND (
      (
       "t8"."day_mask" & "t8"."mask_last_month"
      ) <> 0
     )
    )
  ) AS "t10"
  INNER JOIN (
   SELECT
    "t0"."meter_key",
    "t0"."product_id"
   FROM "catalog_meter" AS "t0"
  ) AS "t6"
   ON "t10"."meter_key" = "t6"."meter_key"
 ) AS "t11"
) AS stage;

-- limit_rows 1affecf429435dae
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "meter_id",
 CAST("meter_key" AS INT) AS "meter_key",
 "aggregate",
 "meter_kind",
 "period",
 "value_meter",
 "is_advanced",
 CAST("limit_quantity" AS BIGINT) AS "limit_quantity",
 "is_unlimited",
 "enforcement",
 "basis",
 "is_own_limit",
 "plan_id",
 CAST("live_subscriptions" AS INT) AS "live_subscriptions",
 CAST("paid_quantity" AS BIGINT) AS "paid_quantity",
 CAST("product_units" AS BIGINT) AS "product_units"
FROM (
 SELECT
  "t31"."account_key",
  "t31"."product_id",
  "t31"."meter_id",
  "t31"."meter_key",
  "t31"."aggregate",
  "t31"."meter_kind",
  "t31"."period",
  "t31"."value_meter",
  "t31"."is_advanced",
  "t31"."limit_quantity",
  "t31"."is_unlimited",
  "t31"."enforcement",
  "t31"."basis",
  "t31"."is_own_limit",
  "t7"."plan_id",
  "t7"."live_subscriptions",
  "t7"."paid_quantity",
  "t7"."product_units"
 FROM (
  SELECT
   "t29"."account_key",
   "t29"."product_id",
   "t29"."meter_id",
   "t29"."meter_key",
   "t29"."aggregate",
   "t29"."meter_kind",
   "t29"."period",
   "t29"."value_meter",
   "t29"."is_advanced",
   CASE
    WHEN "t29"."own_limit" IS NOT NULL
    THEN "t29"."own_limit"
    ELSE CASE
     WHEN "t29"."is_unlimited"
     THEN CAST(NULL AS BIGINT)
     ELSE "t29"."sum_quantity"
    END
   END AS "limit_quantity",
   "t29"."is_unlimited" AND NOT (
    "t29"."own_limit" IS NOT NULL
   ) AS "is_unlimited",
   CASE
    WHEN "t29"."strictness" = 0
    THEN 'auto'
    WHEN "t29"."strictness" = 1
    THEN 'overage'
    ELSE 'hard'
   END AS "enforcement",
   CASE
    WHEN "t29"."own_limit" IS NOT NULL
    THEN 'own'
    ELSE "t29"."parts" || 'x' || CAST("t29"."parts_count" AS VARCHAR)
   END || '=' || COALESCE(
    CAST(CASE
     WHEN "t29"."own_limit" IS NOT NULL
     THEN "t29"."own_limit"
     ELSE CASE
      WHEN "t29"."is_unlimited"
      THEN CAST(NULL AS BIGINT)
      ELSE "t29"."sum_quantity"
     END
    END AS VARCHAR),
    'unlimited'
   ) AS "basis",
   "t29"."own_limit" IS NOT NULL AS "is_own_limit"
  FROM (
   SELECT
    "t28"."account_key",
    "t28"."product_id",
    "t28"."meter_id",
    "t28"."meter_key",
    "t28"."aggregate",
    "t28"."meter_kind",
    "t28"."period",
    "t28"."is_unlimited",
    "t28"."sum_quantity",
    "t28"."strictness",
    "t28"."value_meter",
    "t28"."is_advanced",
    "t28"."parts",
    "t28"."parts_count",
    "t25"."own_limit"
   FROM (
    SELECT
     "t26"."account_key",
     "t26"."product_id",
     "t26"."meter_id",
     "t26"."meter_key",
     "t26"."aggregate",
     "t26"."meter_kind",
     "t26"."period",
     BOOL_OR("t26"."unlimited") AS "is_unlimited",
     SUM("t26"."quantity") AS "sum_quantity",
     MIN("t26"."strictness") AS "strictness",
     BOOL_OR("t26"."value_meter") AS "value_meter",
     BOOL_OR("t26"."is_advanced") AS "is_advanced",
     MAX("t26"."part") AS "parts",
     COUNT("t26"."part") AS "parts_count"
    FROM (
     SELECT
      *
     FROM (
      SELECT
       "t19"."account_key",
       "t19"."product_id",
       "t19"."meter_id",
       "t19"."meter_key",
       "t19"."aggregate",
       "t19"."meter_kind",
       "t19"."period",
       "t19"."unlimited",
       "t19"."strictness",
       "t19"."value_meter",
       "t19"."is_advanced",
       COALESCE(
        CASE WHEN "t19"."follows_quantity" THEN "t19"."quantity" ELSE "t19"."limit_each" END,
        0
       ) AS "quantity",
       "t19"."plan_id" AS "part"
      FROM (
       SELECT
        "t13"."account_key",
        "t13"."item_id",
        "t13"."subscription_id",
        "t13"."product_id",
        "t13"."plan_id",
        "t13"."add_on_id",
        "t13"."price_id",
        "t13"."quantity",
        "t13"."amount_minor",
        "t13"."list_amount_minor",
        "t13"."currency",
        "t13"."interval",
        "t13"."interval_count",
        "t13"."status",
        "t13"."valid_from",
        "t13"."valid_to",
        "t13"."period_start",
        "t13"."auto_renew",
        "t13"."cancel_at",
        "t13"."pending_plan_id",
        "t13"."collection",
        "t13"."renews_at",
        "t13"."term_months",
        "t13"."term_days",
        "t13"."is_live",
        "t13"."units",
        "t13"."is_paid",
        "t16"."owner_kind",
        "t16"."owner_id",
        "t16"."meter_id",
        "t16"."meter_key",
        "t16"."limit_each",
        "t16"."unlimited",
        "t16"."follows_quantity",
        "t16"."strictness",
        "t16"."aggregate",
        "t16"."meter_kind",
        "t16"."period",
        "t16"."value_meter",
        "t16"."is_advanced"
       FROM (
        SELECT
         *
        FROM "items" AS "t1"
        WHERE
         "t1"."is_live" AND "t1"."plan_id" IS NOT NULL
       ) AS "t13"
       INNER JOIN (
        SELECT
         *
        FROM "catalog_limit" AS "t4"
        WHERE
         "t4"."owner_kind" = 'plan'
       ) AS "t16"
        ON "t13"."plan_id" = "t16"."owner_id" AND "t13"."product_id" = "t16"."product_id"
      ) AS "t19"
     ) AS "t22"
     UNION ALL
     SELECT
      *
     FROM (
      SELECT
       "t20"."account_key",
       "t20"."product_id",
       "t20"."meter_id",
       "t20"."meter_key",
       "t20"."aggregate",
       "t20"."meter_kind",
       "t20"."period",
       "t20"."unlimited",
       "t20"."strictness",
       "t20"."value_meter",
       "t20"."is_advanced",
       COALESCE(
        CASE
         WHEN "t20"."follows_quantity"
         THEN "t20"."quantity"
         ELSE "t20"."limit_each" * "t20"."quantity"
        END,
        0
       ) AS "quantity",
       "t20"."add_on_id" AS "part"
      FROM (
       SELECT
        "t14"."account_key",
        "t14"."item_id",
        "t14"."subscription_id",
        "t14"."product_id",
        "t14"."plan_id",
        "t14"."add_on_id",
        "t14"."price_id",
        "t14"."quantity",
        "t14"."amount_minor",
        "t14"."list_amount_minor",
        "t14"."currency",
        "t14"."interval",
        "t14"."interval_count",
        "t14"."status",
        "t14"."valid_from",
        "t14"."valid_to",
        "t14"."period_start",
        "t14"."auto_renew",
        "t14"."cancel_at",
        "t14"."pending_plan_id",
        "t14"."collection",
        "t14"."renews_at",
        "t14"."term_months",
        "t14"."term_days",
        "t14"."is_live",
        "t14"."units",
        "t14"."is_paid",
        "t17"."owner_kind",
        "t17"."owner_id",
        "t17"."meter_id",
        "t17"."meter_key",
        "t17"."limit_each",
        "t17"."unlimited",
        "t17"."follows_quantity",
        "t17"."strictness",
        "t17"."aggregate",
        "t17"."meter_kind",
        "t17"."period",
        "t17"."value_meter",
        "t17"."is_advanced"
       FROM (
        SELECT
         *
        FROM "items" AS "t1"
        WHERE
         "t1"."is_live" AND "t1"."add_on_id" IS NOT NULL
       ) AS "t14"
       INNER JOIN (
        SELECT
         *
        FROM "catalog_limit" AS "t4"
        WHERE
         "t4"."owner_kind" = 'add_on'
       ) AS "t17"
        ON "t14"."add_on_id" = "t17"."owner_id" AND "t14"."product_id" = "t17"."product_id"
      ) AS "t20"
     ) AS "t24"
    ) AS "t26"
    GROUP BY
     1,
     2,
     3,
     4,
     5,
     6,
     7
   ) AS "t28"
   LEFT OUTER JOIN (
    SELECT
     "t21"."account_key",
     "t21"."meter_id",
     MAX("t21"."limit_quantity") AS "own_limit"
    FROM (
     SELECT
      *
     FROM (
      SELECT
       "t15"."override_id",
       "t15"."account_key",
       "t15"."meter_id",
       "t15"."feature_id",
       "t15"."limit_quantity",
       "t15"."valid_from",
       "t15"."valid_to",
       "t5"."as_of",
       "t5"."as_of_day",
       "t5"."this_month",
       "t5"."mask_this_month",
       "t5"."mask_last_month",
       "t5"."usage_from"
      FROM (
       SELECT
        *
       FROM "entitlement_override" AS "t2"
       WHERE
        "t2"."meter_id" IS NOT NULL AND "t2"."limit_quantity" IS NOT NULL
      ) AS "t15"
      CROSS JOIN "today" AS "t5"
     ) AS "t18"
     WHERE
      (
       (
        "t18"."valid_from" IS NULL
       ) OR (
        "t18"."valid_from" <= "t18"."as_of"
       )
      )
      AND (
       (
        "t18"."valid_to" IS NULL
       ) OR (
        "t18"."valid_to" > "t18"."as_of"
       )
      )
    ) AS "t21"
    GROUP BY
     1,
     2
   ) AS "t25"
    ON "t28"."account_key" = "t25"."account_key" AND "t28"."meter_id" = "t25"."meter_id"
  ) AS "t29"
 ) AS "t31"
 LEFT OUTER JOIN (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."plan_id",
   "t0"."live_subscriptions",
   "t0"."quantity" AS "paid_quantity",
   "t0"."recurring_units" AS "product_units"
  FROM "owned" AS "t0"
 ) AS "t7"
  ON "t31"."account_key" = "t7"."account_key"
  AND "t31"."product_id" = "t7"."product_id"
) AS stage;

-- seat_levels e4e2cf0f3fdeea11
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 CAST("level_0" AS BIGINT) AS "level_0",
 CAST("level_1" AS BIGINT) AS "level_1",
 CAST("level_2" AS BIGINT) AS "level_2",
 CAST("level_3" AS BIGINT) AS "level_3",
 CAST("level_4" AS BIGINT) AS "level_4",
 CAST("level_5" AS BIGINT) AS "level_5",
 CAST("level_6" AS BIGINT) AS "level_6",
 CAST("level_7" AS BIGINT) AS "level_7",
 CAST("level_8" AS BIGINT) AS "level_8",
 CAST("seats_used" AS BIGINT) AS "seats_used",
 "is_estimated"
FROM (
 WITH "t17" AS (
  SELECT
   "t5"."seat_id",
   "t5"."account_key",
   "t5"."product_id",
   "t5"."contact_id",
   "t5"."assigned_at",
   "t5"."removed_at",
   "t15"."as_of"
  FROM "seat" AS "t5"
  CROSS JOIN (
   SELECT
    "t3"."as_of"
   FROM "today" AS "t3"
  ) AS "t15"
 ), "t36" AS (
  SELECT
   "t35"."account_key",
   "t35"."product_id",
   "t35"."level_0",
   "t35"."level_1",
   "t35"."level_2",
   "t35"."level_3",
   "t35"."level_4",
   "t35"."level_5",
   "t35"."level_6",
   "t35"."level_7",
   "t35"."level_8",
   "t35"."seats_used",
   FALSE AS "is_estimated"
  FROM (
   SELECT
    "t26"."account_key",
    "t26"."product_id",
    "t26"."level_0",
    "t26"."level_1",
    "t26"."level_2",
    "t26"."level_3",
    "t26"."level_4",
    "t26"."level_5",
    "t26"."level_6",
    "t26"."level_7",
    "t26"."level_8",
    "t34"."seats_used"
   FROM (
    SELECT
     "t19"."account_key",
     "t19"."product_id",
     CASE
      WHEN BOOL_OR("t19"."assigned_at" <= (
       "t19"."as_of" - 0
      ))
      THEN SUM(
       CASE
        WHEN (
         "t19"."assigned_at" <= (
          "t19"."as_of" - 0
         )
        )
        AND (
         (
          "t19"."removed_at" IS NULL
         )
         OR (
          "t19"."removed_at" > (
           "t19"."as_of" - 0
          )
         )
        )
        THEN 1
        ELSE 0
       END
      )
      ELSE CAST(NULL AS BIGINT)
     END AS "level_0",
     CASE
      WHEN BOOL_OR("t19"."assigned_at" <= (
       "t19"."as_of" - 604800
      ))
      THEN SUM(
       CASE
        WHEN (
         "t19"."assigned_at" <= (
          "t19"."as_of" - 604800
         )
        )
        AND (
         (
          "t19"."removed_at" IS NULL
         )
         OR (
          "t19"."removed_at" > (
           "t19"."as_of" - 604800
          )
         )
        )
        THEN 1
        ELSE 0
       END
      )
      ELSE CAST(NULL AS BIGINT)
     END AS "level_1",
     CASE
      WHEN BOOL_OR("t19"."assigned_at" <= (
       "t19"."as_of" - 1209600
      ))
      THEN SUM(
       CASE
        WHEN (
         "t19"."assigned_at" <= (
          "t19"."as_of" - 1209600
         )
        )
        AND (
         (
          "t19"."removed_at" IS NULL
         )
         OR (
          "t19"."removed_at" > (
           "t19"."as_of" - 1209600
          )
         )
        )
        THEN 1
        ELSE 0
       END
      )
      ELSE CAST(NULL AS BIGINT)
     END AS "level_2",
     CASE
      WHEN BOOL_OR("t19"."assigned_at" <= (
       "t19"."as_of" - 1814400
      ))
      THEN SUM(
       CASE
        WHEN (
         "t19"."assigned_at" <= (
          "t19"."as_of" - 1814400
         )
        )
        AND (
         (
          "t19"."removed_at" IS NULL
         )
         OR (
          "t19"."removed_at" > (
           "t19"."as_of" - 1814400
          )
         )
        )
        THEN 1
        ELSE 0
       END
      )
      ELSE CAST(NULL AS BIGINT)
     END AS "level_3",
     CASE
      WHEN BOOL_OR("t19"."assigned_at" <= (
       "t19"."as_of" - 2419200
      ))
      THEN SUM(
       CASE
        WHEN (
         "t19"."assigned_at" <= (
          "t19"."as_of" - 2419200
         )
        )
        AND (
         (
          "t19"."removed_at" IS NULL
         )
         OR (
          "t19"."removed_at" > (
           "t19"."as_of" - 2419200
          )
         )
        )
        THEN 1
        ELSE 0
       END
      )
      ELSE CAST(NULL AS BIGINT)
     END AS "level_4",
     CASE
      WHEN BOOL_OR("t19"."assigned_at" <= (
       "t19"."as_of" - 3024000
      ))
      THEN SUM(
       CASE
        WHEN (
         "t19"."assigned_at" <= (
          "t19"."as_of" - 3024000
         )
        )
        AND (
         (
          "t19"."removed_at" IS NULL
         )
         OR (
          "t19"."removed_at" > (
           "t19"."as_of" - 3024000
          )
         )
        )
        THEN 1
        ELSE 0
       END
      )
      ELSE CAST(NULL AS BIGINT)
     END AS "level_5",
     CASE
      WHEN BOOL_OR("t19"."assigned_at" <= (
       "t19"."as_of" - 3628800
      ))
      THEN SUM(
       CASE
        WHEN (
         "t19"."assigned_at" <= (
          "t19"."as_of" - 3628800
         )
        )
        AND (
         (
          "t19"."removed_at" IS NULL
         )
         OR (
          "t19"."removed_at" > (
           "t19"."as_of" - 3628800
          )
         )
        )
        THEN 1
        ELSE 0
       END
      )
      ELSE CAST(NULL AS BIGINT)
     END AS "level_6",
     CASE
      WHEN BOOL_OR("t19"."assigned_at" <= (
       "t19"."as_of" - 4233600
      ))
      THEN SUM(
       CASE
        WHEN (
         "t19"."assigned_at" <= (
          "t19"."as_of" - 4233600
         )
        )
        AND (
         (
          "t19"."removed_at" IS NULL
         )
         OR (
          "t19"."removed_at" > (
           "t19"."as_of" - 4233600
          )
         )
        )
        THEN 1
        ELSE 0
       END
      )
      ELSE CAST(NULL AS BIGINT)
     END AS "level_7",
     CASE
      WHEN BOOL_OR("t19"."assigned_at" <= (
       "t19"."as_of" - 4838400
      ))
      THEN SUM(
       CASE
        WHEN (
         "t19"."assigned_at" <= (
          "t19"."as_of" - 4838400
         )
        )
        AND (
         (
          "t19"."removed_at" IS NULL
         )
         OR (
          "t19"."removed_at" > (
           "t19"."as_of" - 4838400
          )
         )
        )
        THEN 1
        ELSE 0
       END
      )
      ELSE CAST(NULL AS BIGINT)
     END AS "level_8"
    FROM "t17" AS "t19"
    GROUP BY
     1,
     2
   ) AS "t26"
   LEFT OUTER JOIN (
    SELECT
     "t32"."account_key",
     "t32"."product_id",
     "t32"."seats_used"
    FROM (
     SELECT
      "t31"."account_key",
      "t31"."product_id",
      "t31"."seats_used",
      "t14"."has_usage_contact"
     FROM (
      SELECT
       "t29"."account_key",
       "t29"."product_id",
       SUM(COALESCE("t29"."is_seen", 0)) AS "seats_used"
      FROM (
       SELECT
        "t28"."account_key",
        "t28"."product_id",
        "t28"."contact_id",
        "t28"."contact_key",
        "t12"."is_seen"
       FROM (
        SELECT DISTINCT
         "t25"."account_key",
         "t25"."product_id",
         "t25"."contact_id",
         "t25"."contact_key"
        FROM (
         SELECT
          "t23"."seat_id",
          "t23"."account_key",
          "t23"."product_id",
          "t23"."contact_id",
          "t23"."assigned_at",
          "t23"."removed_at",
          "t23"."as_of",
          "t6"."contact_key"
         FROM (
          SELECT
           *
          FROM "t17" AS "t19"
          WHERE
           "t19"."assigned_at" <= "t19"."as_of"
           AND (
            (
             "t19"."removed_at" IS NULL
            ) OR (
             "t19"."removed_at" > "t19"."as_of"
            )
           )
           AND "t19"."contact_id" IS NOT NULL
         ) AS "t23"
         LEFT OUTER JOIN "contact_key" AS "t6"
          ON "t23"."contact_id" = "t6"."contact_id"
        ) AS "t25"
       ) AS "t28"
       LEFT OUTER JOIN (
        SELECT
         "t0"."account_key",
         "t0"."product_id",
         "t0"."contact_key",
         1 AS "is_seen"
        FROM "active" AS "t0"
       ) AS "t12"
        ON "t28"."account_key" = "t12"."account_key"
        AND "t28"."product_id" = "t12"."product_id"
        AND "t28"."contact_key" = "t12"."contact_key"
      ) AS "t29"
      GROUP BY
       1,
       2
     ) AS "t31"
     CROSS JOIN (
      SELECT
       "t1"."has_usage_contact"
      FROM "known" AS "t1"
     ) AS "t14"
    ) AS "t32"
    WHERE
     "t32"."has_usage_contact"
   ) AS "t34"
    ON "t26"."account_key" = "t34"."account_key"
    AND "t26"."product_id" = "t34"."product_id"
  ) AS "t35"
 )
 SELECT
  *
 FROM "t36" AS "t37"
 UNION ALL
 SELECT
  *
 FROM (
  SELECT
   "t21"."account_key",
   "t21"."product_id",
   "t21"."people" AS "level_0",
   CAST(NULL AS BIGINT) AS "level_1",
   CAST(NULL AS BIGINT) AS "level_2",
   CAST(NULL AS BIGINT) AS "level_3",
   CAST(NULL AS BIGINT) AS "level_4",
   CAST(NULL AS BIGINT) AS "level_5",
   CAST(NULL AS BIGINT) AS "level_6",
   CAST(NULL AS BIGINT) AS "level_7",
   CAST(NULL AS BIGINT) AS "level_8",
   "t21"."people" AS "seats_used",
   TRUE AS "is_estimated"
  FROM (
   SELECT
    *
   FROM (
    SELECT
     "t16"."account_key",
     "t16"."product_id",
     "t16"."people",
     "t13"."has_seat"
    FROM (
     SELECT
      "t0"."account_key",
      "t0"."product_id",
      COUNT(DISTINCT "t0"."contact_key") AS "people"
     FROM "active" AS "t0"
     GROUP BY
      1,
      2
    ) AS "t16"
    CROSS JOIN (
     SELECT
      "t1"."has_seat"
     FROM "known" AS "t1"
    ) AS "t13"
   ) AS "t18"
   WHERE
    NOT (
     "t18"."has_seat"
    )
  ) AS "t21"
  WHERE
   NOT EXISTS(
    SELECT
     1
    FROM "t36" AS "t38"
    WHERE
     "t21"."account_key" = "t38"."account_key"
     AND "t21"."product_id" = "t38"."product_id"
   )
 ) AS "t39"
) AS stage;

-- limit_state 611020cc0d5ab6b8
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "meter_id",
 CAST("meter_key" AS INT) AS "meter_key",
 "plan_id",
 CAST("paid_quantity" AS BIGINT) AS "paid_quantity",
 "aggregate",
 "meter_kind",
 "period",
 "value_meter",
 "is_advanced",
 CAST("limit_quantity" AS BIGINT) AS "limit_quantity",
 "is_unlimited",
 "is_own_limit",
 "enforcement",
 "basis",
 CAST("starts_next" AS BIGINT) AS "starts_next",
 CAST("starts_0" AS BIGINT) AS "starts_0",
 CAST("starts_1" AS BIGINT) AS "starts_1",
 CAST("starts_2" AS BIGINT) AS "starts_2",
 CAST("starts_3" AS BIGINT) AS "starts_3",
 CAST("as_of" AS BIGINT) AS "as_of",
 CAST("as_of_day" AS INT) AS "as_of_day",
 CAST("started_at" AS BIGINT) AS "started_at",
 CAST("begins_at" AS BIGINT) AS "begins_at",
 CAST("changed_at" AS BIGINT) AS "changed_at",
 "is_paid",
 CAST("live_subscriptions" AS INT) AS "live_subscriptions",
 CAST("seats_used" AS BIGINT) AS "seats_used",
 "is_estimated",
 CAST("used" AS BIGINT) AS "used",
 CAST("used_1" AS BIGINT) AS "used_1",
 CAST("used_2" AS BIGINT) AS "used_2",
 CAST("used_3" AS BIGINT) AS "used_3",
 CAST("week_1" AS BIGINT) AS "week_1",
 CAST("week_2" AS BIGINT) AS "week_2",
 CAST("week_3" AS BIGINT) AS "week_3",
 CAST("week_4" AS BIGINT) AS "week_4",
 CAST("week_5" AS BIGINT) AS "week_5",
 CAST("week_6" AS BIGINT) AS "week_6",
 CAST("week_7" AS BIGINT) AS "week_7",
 CAST("week_8" AS BIGINT) AS "week_8",
 CAST("level_0" AS BIGINT) AS "level_0",
 CAST("level_1" AS BIGINT) AS "level_1",
 CAST("level_2" AS BIGINT) AS "level_2",
 CAST("level_3" AS BIGINT) AS "level_3",
 CAST("level_4" AS BIGINT) AS "level_4",
 CAST("level_5" AS BIGINT) AS "level_5",
 CAST("level_6" AS BIGINT) AS "level_6",
 CAST("level_7" AS BIGINT) AS "level_7",
 CAST("level_8" AS BIGINT) AS "level_8",
 "is_first_use",
 "utilisation",
 "adoption",
 CAST("adopted_quantity" AS BIGINT) AS "adopted_quantity",
 CAST("idle" AS BIGINT) AS "idle",
 CAST("overage_periods_3" AS BIGINT) AS "overage_periods_3",
 CAST("periods_at_90_3" AS BIGINT) AS "periods_at_90_3",
 CAST("complete_periods" AS BIGINT) AS "complete_periods",
 CAST("peak_3" AS BIGINT) AS "peak_3",
 CAST("plan_used_1" AS BIGINT) AS "plan_used_1",
 CAST("plan_used_2" AS BIGINT) AS "plan_used_2",
 CAST("plan_used_3" AS BIGINT) AS "plan_used_3"
FROM (
 SELECT
  "t30"."account_key",
  "t30"."product_id",
  "t30"."meter_id",
  "t30"."meter_key",
  "t30"."plan_id",
  "t30"."paid_quantity",
  "t30"."aggregate",
  "t30"."meter_kind",
  "t30"."period",
  "t30"."value_meter",
  "t30"."is_advanced",
  "t30"."limit_quantity",
  "t30"."is_unlimited",
  "t30"."is_own_limit",
  "t30"."enforcement",
  "t30"."basis",
  "t30"."starts_next",
  "t30"."starts_0",
  "t30"."starts_1",
  "t30"."starts_2",
  "t30"."starts_3",
  "t30"."as_of",
  "t30"."as_of_day",
  "t30"."started_at",
  "t30"."begins_at",
  "t30"."changed_at",
  "t30"."is_paid",
  "t30"."live_subscriptions",
  "t30"."seats_used",
  "t30"."is_estimated",
  "t30"."used",
  "t30"."used_1",
  "t30"."used_2",
  "t30"."used_3",
  "t30"."week_1",
  "t30"."week_2",
  "t30"."week_3",
  "t30"."week_4",
  "t30"."week_5",
  "t30"."week_6",
  "t30"."week_7",
  "t30"."week_8",
  "t30"."level_0",
  "t30"."level_1",
  "t30"."level_2",
  "t30"."level_3",
  "t30"."level_4",
  "t30"."level_5",
  "t30"."level_6",
  "t30"."level_7",
  "t30"."level_8",
  "t30"."is_first_use",
  CASE
   WHEN (
    "t30"."limit_quantity" > 0
   ) AND (
    "t30"."enforcement" <> 'auto'
   )
   THEN CAST("t30"."used" AS DOUBLE PRECISION) / CAST(CASE
    WHEN "t30"."limit_quantity" > 0
    THEN "t30"."limit_quantity"
    ELSE CAST(NULL AS BIGINT)
   END AS DOUBLE PRECISION)
   ELSE CAST(NULL AS DOUBLE PRECISION)
  END AS "utilisation",
  CAST(CASE
   WHEN "t30"."aggregate" = 'seats'
   THEN CASE
    WHEN GREATEST("t30"."started_at", "t30"."changed_at") <= (
     "t30"."as_of" - 2419200
    )
    THEN "t30"."seats_used"
    ELSE CAST(NULL AS BIGINT)
   END
   WHEN "t30"."meter_kind" = 'stock'
   THEN CASE
    WHEN GREATEST("t30"."started_at", "t30"."changed_at") <= (
     "t30"."as_of" - 2419200
    )
    THEN "t30"."used"
    ELSE CAST(NULL AS BIGINT)
   END
   ELSE CASE
    WHEN COALESCE("t30"."starts_1" >= "t30"."changed_at", FALSE)
    AND NOT (
     "t30"."is_first_use"
     AND COALESCE(
      CAST("t30"."used" AS DOUBLE PRECISION) >= (
       CAST("t30"."limit_quantity" AS DOUBLE PRECISION) * 0.4
      ),
      FALSE
     )
    )
    THEN "t30"."used_1"
    ELSE CAST(NULL AS BIGINT)
   END
  END AS DOUBLE PRECISION) / CAST(CASE
   WHEN "t30"."limit_quantity" > 0
   THEN "t30"."limit_quantity"
   ELSE CAST(NULL AS BIGINT)
  END AS DOUBLE PRECISION) AS "adoption",
  CASE
   WHEN "t30"."aggregate" = 'seats'
   THEN CASE
    WHEN GREATEST("t30"."started_at", "t30"."changed_at") <= (
     "t30"."as_of" - 2419200
    )
    THEN "t30"."seats_used"
    ELSE CAST(NULL AS BIGINT)
   END
   WHEN "t30"."meter_kind" = 'stock'
   THEN CASE
    WHEN GREATEST("t30"."started_at", "t30"."changed_at") <= (
     "t30"."as_of" - 2419200
    )
    THEN "t30"."used"
    ELSE CAST(NULL AS BIGINT)
   END
   ELSE CASE
    WHEN COALESCE("t30"."starts_1" >= "t30"."changed_at", FALSE)
    AND NOT (
     "t30"."is_first_use"
     AND COALESCE(
      CAST("t30"."used" AS DOUBLE PRECISION) >= (
       CAST("t30"."limit_quantity" AS DOUBLE PRECISION) * 0.4
      ),
      FALSE
     )
    )
    THEN "t30"."used_1"
    ELSE CAST(NULL AS BIGINT)
   END
  END AS "adopted_quantity",
  CASE
   WHEN "t30"."limit_quantity" > 0
   THEN GREATEST(
    CASE
     WHEN "t30"."limit_quantity" > 0
     THEN "t30"."limit_quantity"
     ELSE CAST(NULL AS BIGINT)
    END - COALESCE(
     CASE
      WHEN "t30"."aggregate" = 'seats'
      THEN CASE
       WHEN GREATEST("t30"."started_at", "t30"."changed_at") <= (
        "t30"."as_of" - 2419200
       )
       THEN "t30"."seats_used"
       ELSE CAST(NULL AS BIGINT)
      END
      WHEN "t30"."meter_kind" = 'stock'
      THEN CASE
       WHEN GREATEST("t30"."started_at", "t30"."changed_at") <= (
        "t30"."as_of" - 2419200
       )
       THEN "t30"."used"
       ELSE CAST(NULL AS BIGINT)
      END
      ELSE CASE
       WHEN COALESCE("t30"."starts_1" >= "t30"."changed_at", FALSE)
       AND NOT (
        "t30"."is_first_use"
        AND COALESCE(
         CAST("t30"."used" AS DOUBLE PRECISION) >= (
          CAST("t30"."limit_quantity" AS DOUBLE PRECISION) * 0.4
         ),
         FALSE
        )
       )
       THEN "t30"."used_1"
       ELSE CAST(NULL AS BIGINT)
      END
     END,
     "t30"."used"
    ),
    0
   )
   ELSE CAST(NULL AS BIGINT)
  END AS "idle",
  CAST(CASE
   WHEN COALESCE(
    CASE
     WHEN COALESCE("t30"."starts_1" >= "t30"."changed_at", FALSE)
     THEN "t30"."used_1"
     ELSE CAST(NULL AS BIGINT)
    END > CASE
     WHEN "t30"."limit_quantity" > 0
     THEN "t30"."limit_quantity"
     ELSE CAST(NULL AS BIGINT)
    END,
    FALSE
   )
   THEN 1
   ELSE 0
  END + CASE
   WHEN COALESCE(
    CASE
     WHEN COALESCE("t30"."starts_2" >= "t30"."changed_at", FALSE)
     THEN "t30"."used_2"
     ELSE CAST(NULL AS BIGINT)
    END > CASE
     WHEN "t30"."limit_quantity" > 0
     THEN "t30"."limit_quantity"
     ELSE CAST(NULL AS BIGINT)
    END,
    FALSE
   )
   THEN 1
   ELSE 0
  END + CASE
   WHEN COALESCE(
    CASE
     WHEN COALESCE("t30"."starts_3" >= "t30"."changed_at", FALSE)
     THEN "t30"."used_3"
     ELSE CAST(NULL AS BIGINT)
    END > CASE
     WHEN "t30"."limit_quantity" > 0
     THEN "t30"."limit_quantity"
     ELSE CAST(NULL AS BIGINT)
    END,
    FALSE
   )
   THEN 1
   ELSE 0
  END AS BIGINT) AS "overage_periods_3",
  CAST(CASE
   WHEN COALESCE(
    (
     CASE
      WHEN COALESCE("t30"."starts_1" >= "t30"."changed_at", FALSE)
      THEN "t30"."used_1"
      ELSE CAST(NULL AS BIGINT)
     END * 100
    ) >= (
     CASE
      WHEN "t30"."limit_quantity" > 0
      THEN "t30"."limit_quantity"
      ELSE CAST(NULL AS BIGINT)
     END * 90
    ),
    FALSE
   )
   THEN 1
   ELSE 0
  END + CASE
   WHEN COALESCE(
    (
     CASE
      WHEN COALESCE("t30"."starts_2" >= "t30"."changed_at", FALSE)
      THEN "t30"."used_2"
      ELSE CAST(NULL AS BIGINT)
     END * 100
    ) >= (
     CASE
      WHEN "t30"."limit_quantity" > 0
      THEN "t30"."limit_quantity"
      ELSE CAST(NULL AS BIGINT)
     END * 90
    ),
    FALSE
   )
   THEN 1
   ELSE 0
  END + CASE
   WHEN COALESCE(
    (
     CASE
      WHEN COALESCE("t30"."starts_3" >= "t30"."changed_at", FALSE)
      THEN "t30"."used_3"
      ELSE CAST(NULL AS BIGINT)
     END * 100
    ) >= (
     CASE
      WHEN "t30"."limit_quantity" > 0
      THEN "t30"."limit_quantity"
      ELSE CAST(NULL AS BIGINT)
     END * 90
    ),
    FALSE
   )
   THEN 1
   ELSE 0
  END AS BIGINT) AS "periods_at_90_3",
  CAST(CASE WHEN "t30"."used_1" IS NOT NULL THEN 1 ELSE 0 END + CASE WHEN "t30"."used_2" IS NOT NULL THEN 1 ELSE 0 END + CASE WHEN "t30"."used_3" IS NOT NULL THEN 1 ELSE 0 END AS BIGINT) AS "complete_periods",
  GREATEST(
   COALESCE("t30"."used_1", 0),
   COALESCE("t30"."used_2", 0),
   COALESCE("t30"."used_3", 0)
  ) AS "peak_3",
  CASE
   WHEN COALESCE("t30"."starts_1" >= "t30"."changed_at", FALSE)
   THEN "t30"."used_1"
   ELSE CAST(NULL AS BIGINT)
  END AS "plan_used_1",
  CASE
   WHEN COALESCE("t30"."starts_2" >= "t30"."changed_at", FALSE)
   THEN "t30"."used_2"
   ELSE CAST(NULL AS BIGINT)
  END AS "plan_used_2",
  CASE
   WHEN COALESCE("t30"."starts_3" >= "t30"."changed_at", FALSE)
   THEN "t30"."used_3"
   ELSE CAST(NULL AS BIGINT)
  END AS "plan_used_3"
 FROM (
  SELECT
   "t29"."account_key",
   "t29"."product_id",
   "t29"."meter_id",
   "t29"."meter_key",
   "t29"."plan_id",
   "t29"."paid_quantity",
   "t29"."aggregate",
   "t29"."meter_kind",
   "t29"."period",
   "t29"."value_meter",
   "t29"."is_advanced",
   "t29"."limit_quantity",
   "t29"."is_unlimited",
   "t29"."is_own_limit",
   "t29"."enforcement",
   "t29"."basis",
   "t29"."starts_next",
   "t29"."starts_0",
   "t29"."starts_1",
   "t29"."starts_2",
   "t29"."starts_3",
   "t29"."as_of",
   "t29"."as_of_day",
   "t29"."started_at",
   "t29"."begins_at",
   "t29"."changed_at",
   "t29"."is_paid",
   "t29"."live_subscriptions",
   "t29"."seats_used",
   "t29"."is_estimated",
   "t29"."used",
   "t29"."used_1",
   "t29"."used_2",
   "t29"."used_3",
   "t29"."week_1",
   "t29"."week_2",
   "t29"."week_3",
   "t29"."week_4",
   "t29"."week_5",
   "t29"."week_6",
   "t29"."week_7",
   "t29"."week_8",
   "t29"."level_0",
   "t29"."level_1",
   "t29"."level_2",
   "t29"."level_3",
   "t29"."level_4",
   "t29"."level_5",
   "t29"."level_6",
   "t29"."level_7",
   "t29"."level_8",
   COALESCE(
    (
     "t29"."meter_kind" = 'flow'
    )
    AND (
     (
      COALESCE("t29"."used_1", 0) + COALESCE("t29"."used_2", 0) + COALESCE("t29"."used_3", 0)
     ) = 0
    )
    AND (
     "t29"."used" > 0
    ),
    FALSE
   ) AS "is_first_use"
  FROM (
   SELECT
    "t28"."account_key",
    "t28"."product_id",
    "t28"."meter_id",
    "t28"."meter_key",
    "t28"."plan_id",
    "t28"."paid_quantity",
    "t28"."aggregate",
    "t28"."meter_kind",
    "t28"."period",
    "t28"."value_meter",
    "t28"."is_advanced",
    "t28"."limit_quantity",
    "t28"."is_unlimited",
    "t28"."is_own_limit",
    "t28"."enforcement",
    "t28"."basis",
    "t28"."starts_next",
    "t28"."starts_0",
    "t28"."starts_1",
    "t28"."starts_2",
    "t28"."starts_3",
    "t28"."as_of",
    "t28"."as_of_day",
    GREATEST(COALESCE("t28"."started_at", 0), "t28"."usage_from") AS "started_at",
    GREATEST(COALESCE("t28"."starts_0", 0), COALESCE("t28"."started_at", 0)) AS "begins_at",
    GREATEST(COALESCE("t28"."bought_at", 0), COALESCE("t28"."downgraded_at", 0)) AS "changed_at",
    "t28"."product_units" > 0 AS "is_paid",
    "t28"."live_subscriptions",
    CASE
     WHEN NOT (
      "t28"."aggregate" = 'seats'
     )
     THEN CAST(NULL AS BIGINT)
     WHEN "t28"."has_seat" AND (
      COALESCE("t28"."seat_level_0", 0) = 0
     )
     THEN 0
     ELSE "t28"."seat_seats_used"
    END AS "seats_used",
    CASE
     WHEN "t28"."aggregate" = 'seats'
     THEN COALESCE("t28"."seat_is_estimated", NOT (
      "t28"."has_seat"
     ))
     ELSE FALSE
    END AS "is_estimated",
    CASE
     WHEN "t28"."aggregate" = 'seats'
     THEN CASE
      WHEN "t28"."has_seat"
      THEN COALESCE("t28"."seat_level_0", 0)
      ELSE "t28"."seat_level_0"
     END
     WHEN (
      "t28"."meter_kind" = 'flow'
     ) AND NOT (
      "t28"."aggregate" = 'seats'
     )
     THEN COALESCE("t28"."flow_used", 0)
     ELSE CASE
      WHEN "t28"."aggregate" IN ('sum', 'count')
      THEN COALESCE("t28"."stock_used", 0)
      ELSE "t28"."stock_used"
     END
    END AS "used",
    CASE
     WHEN (
      "t28"."meter_kind" = 'flow'
     )
     AND NOT (
      "t28"."aggregate" = 'seats'
     )
     AND (
      "t28"."starts_1" >= GREATEST(COALESCE("t28"."started_at", 0), "t28"."usage_from")
     )
     THEN COALESCE("t28"."flow_used_1", 0)
     ELSE CAST(NULL AS BIGINT)
    END AS "used_1",
    CASE
     WHEN (
      "t28"."meter_kind" = 'flow'
     )
     AND NOT (
      "t28"."aggregate" = 'seats'
     )
     AND (
      "t28"."starts_2" >= GREATEST(COALESCE("t28"."started_at", 0), "t28"."usage_from")
     )
     THEN COALESCE("t28"."flow_used_2", 0)
     ELSE CAST(NULL AS BIGINT)
    END AS "used_2",
    CASE
     WHEN (
      "t28"."meter_kind" = 'flow'
     )
     AND NOT (
      "t28"."aggregate" = 'seats'
     )
     AND (
      "t28"."starts_3" >= GREATEST(COALESCE("t28"."started_at", 0), "t28"."usage_from")
     )
     THEN COALESCE("t28"."flow_used_3", 0)
     ELSE CAST(NULL AS BIGINT)
    END AS "used_3",
    CASE
     WHEN (
      "t28"."meter_kind" = 'flow'
     ) AND NOT (
      "t28"."aggregate" = 'seats'
     )
     THEN COALESCE("t28"."flow_week_1", 0)
     ELSE 0
    END AS "week_1",
    CASE
     WHEN (
      "t28"."meter_kind" = 'flow'
     ) AND NOT (
      "t28"."aggregate" = 'seats'
     )
     THEN COALESCE("t28"."flow_week_2", 0)
     ELSE 0
    END AS "week_2",
    CASE
     WHEN (
      "t28"."meter_kind" = 'flow'
     ) AND NOT (
      "t28"."aggregate" = 'seats'
     )
     THEN COALESCE("t28"."flow_week_3", 0)
     ELSE 0
    END AS "week_3",
    CASE
     WHEN (
      "t28"."meter_kind" = 'flow'
     ) AND NOT (
      "t28"."aggregate" = 'seats'
     )
     THEN COALESCE("t28"."flow_week_4", 0)
     ELSE 0
    END AS "week_4",
    CASE
     WHEN (
      "t28"."meter_kind" = 'flow'
     ) AND NOT (
      "t28"."aggregate" = 'seats'
     )
     THEN COALESCE("t28"."flow_week_5", 0)
     ELSE 0
    END AS "week_5",
    CASE
     WHEN (
      "t28"."meter_kind" = 'flow'
     ) AND NOT (
      "t28"."aggregate" = 'seats'
     )
     THEN COALESCE("t28"."flow_week_6", 0)
     ELSE 0
    END AS "week_6",
    CASE
     WHEN (
      "t28"."meter_kind" = 'flow'
     ) AND NOT (
      "t28"."aggregate" = 'seats'
     )
     THEN COALESCE("t28"."flow_week_7", 0)
     ELSE 0
    END AS "week_7",
    CASE
     WHEN (
      "t28"."meter_kind" = 'flow'
     ) AND NOT (
      "t28"."aggregate" = 'seats'
     )
     THEN COALESCE("t28"."flow_week_8", 0)
     ELSE 0
    END AS "week_8",
    CASE
     WHEN "t28"."aggregate" = 'seats'
     THEN "t28"."seat_level_0"
     ELSE "t28"."stock_level_0"
    END AS "level_0",
    CASE
     WHEN "t28"."aggregate" = 'seats'
     THEN "t28"."seat_level_1"
     ELSE "t28"."stock_level_1"
    END AS "level_1",
    CASE
     WHEN "t28"."aggregate" = 'seats'
     THEN "t28"."seat_level_2"
     ELSE "t28"."stock_level_2"
    END AS "level_2",
    CASE
     WHEN "t28"."aggregate" = 'seats'
     THEN "t28"."seat_level_3"
     ELSE "t28"."stock_level_3"
    END AS "level_3",
    CASE
     WHEN "t28"."aggregate" = 'seats'
     THEN "t28"."seat_level_4"
     ELSE "t28"."stock_level_4"
    END AS "level_4",
    CASE
     WHEN "t28"."aggregate" = 'seats'
     THEN "t28"."seat_level_5"
     ELSE "t28"."stock_level_5"
    END AS "level_5",
    CASE
     WHEN "t28"."aggregate" = 'seats'
     THEN "t28"."seat_level_6"
     ELSE "t28"."stock_level_6"
    END AS "level_6",
    CASE
     WHEN "t28"."aggregate" = 'seats'
     THEN "t28"."seat_level_7"
     ELSE "t28"."stock_level_7"
    END AS "level_7",
    CASE
     WHEN "t28"."aggregate" = 'seats'
     THEN "t28"."seat_level_8"
     ELSE "t28"."stock_level_8"
    END AS "level_8"
   FROM (
    SELECT
     "t9"."account_key",
     "t9"."product_id",
     "t9"."meter_id",
     "t9"."meter_key",
     "t9"."aggregate",
     "t9"."meter_kind",
     "t9"."period",
     "t9"."value_meter",
     "t9"."is_advanced",
     "t9"."limit_quantity",
     "t9"."is_unlimited",
     "t9"."enforcement",
     "t9"."basis",
     "t9"."is_own_limit",
     "t9"."plan_id",
     "t9"."live_subscriptions",
     "t9"."paid_quantity",
     "t9"."product_units",
     "t27"."starts_next",
     "t27"."starts_0",
     "t27"."starts_1",
     "t27"."starts_2",
     "t27"."starts_3",
     "t18"."flow_used",
     "t18"."flow_used_1",
     "t18"."flow_used_2",
     "t18"."flow_used_3",
     "t18"."flow_week_1",
     "t18"."flow_week_2",
     "t18"."flow_week_3",
     "t18"."flow_week_4",
     "t18"."flow_week_5",
     "t18"."flow_week_6",
     "t18"."flow_week_7",
     "t18"."flow_week_8",
     "t19"."stock_level_0",
     "t19"."stock_level_1",
     "t19"."stock_level_2",
     "t19"."stock_level_3",
     "t19"."stock_level_4",
     "t19"."stock_level_5",
     "t19"."stock_level_6",
     "t19"."stock_level_7",
     "t19"."stock_level_8",
     "t19"."stock_used",
     "t20"."seat_level_0",
     "t20"."seat_level_1",
     "t20"."seat_level_2",
     "t20"."seat_level_3",
     "t20"."seat_level_4",
     "t20"."seat_level_5",
     "t20"."seat_level_6",
     "t20"."seat_level_7",
     "t20"."seat_level_8",
     "t20"."seat_seats_used",
     "t20"."seat_is_estimated",
     "t21"."started_at",
     "t21"."bought_at",
     "t21"."downgraded_at",
     "t22"."as_of",
     "t22"."as_of_day",
     "t22"."usage_from",
     "t23"."has_seat"
    FROM "limit_rows" AS "t9"
    LEFT OUTER JOIN (
     SELECT
      "t25"."account_key",
      "t25"."product_id",
      "t25"."period",
      "t25"."starts_next",
      "t25"."starts_0",
      "t25"."starts_1",
      "t25"."starts_2",
      "t25"."starts_3"
     FROM (
      SELECT
       "t24"."account_key",
       "t24"."product_id",
       "t24"."starts_next",
       "t24"."starts_0",
       "t24"."starts_1",
       "t24"."starts_2",
       "t24"."starts_3",
       "t24"."edge_0",
       "t24"."edge_1",
       "t24"."edge_2",
       "t24"."edge_3",
       "t24"."period"
      FROM (
       SELECT
        "t10"."account_key",
        "t10"."product_id",
        "t10"."window_kind",
        "t10"."starts_next",
        "t10"."starts_0",
        "t10"."starts_1",
        "t10"."starts_2",
        "t10"."starts_3",
        "t10"."edge_0",
        "t10"."edge_1",
        "t10"."edge_2",
        "t10"."edge_3",
        "t11"."period"
       FROM "spans" AS "t10"
       INNER JOIN "kinds" AS "t11"
        ON "t10"."window_kind" = "t11"."window_kind"
      ) AS "t24"
     ) AS "t25"
    ) AS "t27"
     ON "t9"."account_key" = "t27"."account_key"
     AND "t9"."product_id" = "t27"."product_id"
     AND "t9"."period" = "t27"."period"
    LEFT OUTER JOIN (
     SELECT
      "t1"."account_key",
      "t1"."meter_key",
      "t1"."used" AS "flow_used",
      "t1"."used_1" AS "flow_used_1",
      "t1"."used_2" AS "flow_used_2",
      "t1"."used_3" AS "flow_used_3",
      "t1"."week_1" AS "flow_week_1",
      "t1"."week_2" AS "flow_week_2",
      "t1"."week_3" AS "flow_week_3",
      "t1"."week_4" AS "flow_week_4",
      "t1"."week_5" AS "flow_week_5",
      "t1"."week_6" AS "flow_week_6",
      "t1"."week_7" AS "flow_week_7",
      "t1"."week_8" AS "flow_week_8"
     FROM "flows" AS "t1"
    ) AS "t18"
     ON "t9"."account_key" = "t18"."account_key" AND "t9"."meter_key" = "t18"."meter_key"
    LEFT OUTER JOIN (
     SELECT
      "t2"."account_key",
      "t2"."meter_key",
      "t2"."level_0" AS "stock_level_0",
      "t2"."level_1" AS "stock_level_1",
      "t2"."level_2" AS "stock_level_2",
      "t2"."level_3" AS "stock_level_3",
      "t2"."level_4" AS "stock_level_4",
      "t2"."level_5" AS "stock_level_5",
      "t2"."level_6" AS "stock_level_6",
      "t2"."level_7" AS "stock_level_7",
      "t2"."level_8" AS "stock_level_8",
      "t2"."used" AS "stock_used"
     FROM "stocks" AS "t2"
    ) AS "t19"
     ON "t9"."account_key" = "t19"."account_key" AND "t9"."meter_key" = "t19"."meter_key"
    LEFT OUTER JOIN (
     SELECT
      "t3"."account_key",
      "t3"."product_id",
      "t3"."level_0" AS "seat_level_0",
      "t3"."level_1" AS "seat_level_1",
      "t3"."level_2" AS "seat_level_2",
      "t3"."level_3" AS "seat_level_3",
      "t3"."level_4" AS "seat_level_4",
      "t3"."level_5" AS "seat_level_5",
      "t3"."level_6" AS "seat_level_6",
      "t3"."level_7" AS "seat_level_7",
      "t3"."level_8" AS "seat_level_8",
      "t3"."seats_used" AS "seat_seats_used",
      "t3"."is_estimated" AS "seat_is_estimated"
     FROM "seat_levels" AS "t3"
    ) AS "t20"
     ON "t9"."account_key" = "t20"."account_key"
     AND "t9"."product_id" = "t20"."product_id"
    LEFT OUTER JOIN (
     SELECT
      "t4"."account_key",
      "t4"."product_id",
      "t4"."started_at",
      "t4"."bought_at",
      "t4"."downgraded_at"
     FROM "history" AS "t4"
    ) AS "t21"
     ON "t9"."account_key" = "t21"."account_key"
     AND "t9"."product_id" = "t21"."product_id"
    CROSS JOIN (
     SELECT
      "t5"."as_of",
      "t5"."as_of_day",
      "t5"."usage_from"
     FROM "today" AS "t5"
    ) AS "t22"
    CROSS JOIN (
     SELECT
      "t6"."has_seat"
     FROM "known" AS "t6"
    ) AS "t23"
   ) AS "t28"
  ) AS "t29"
 ) AS "t30"
) AS stage;

-- limit_profile 446dd0f687b581d9
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "meter_id",
 CAST("meter_key" AS INT) AS "meter_key",
 "plan_id",
 CAST("paid_quantity" AS BIGINT) AS "paid_quantity",
 "aggregate",
 "meter_kind",
 "period",
 "value_meter",
 "is_advanced",
 CAST("limit_quantity" AS BIGINT) AS "limit_quantity",
 "is_unlimited",
 "is_own_limit",
 "enforcement",
 "basis",
 CAST("starts_next" AS BIGINT) AS "starts_next",
 CAST("starts_0" AS BIGINT) AS "starts_0",
 CAST("starts_1" AS BIGINT) AS "starts_1",
 CAST("starts_2" AS BIGINT) AS "starts_2",
 CAST("starts_3" AS BIGINT) AS "starts_3",
 CAST("as_of" AS BIGINT) AS "as_of",
 CAST("as_of_day" AS INT) AS "as_of_day",
 CAST("started_at" AS BIGINT) AS "started_at",
 CAST("begins_at" AS BIGINT) AS "begins_at",
 CAST("changed_at" AS BIGINT) AS "changed_at",
 "is_paid",
 CAST("live_subscriptions" AS INT) AS "live_subscriptions",
 CAST("seats_used" AS BIGINT) AS "seats_used",
 "is_estimated",
 CAST("used" AS BIGINT) AS "used",
 CAST("used_1" AS BIGINT) AS "used_1",
 CAST("used_2" AS BIGINT) AS "used_2",
 CAST("used_3" AS BIGINT) AS "used_3",
 CAST("week_1" AS BIGINT) AS "week_1",
 CAST("week_2" AS BIGINT) AS "week_2",
 CAST("week_3" AS BIGINT) AS "week_3",
 CAST("week_4" AS BIGINT) AS "week_4",
 CAST("week_5" AS BIGINT) AS "week_5",
 CAST("week_6" AS BIGINT) AS "week_6",
 CAST("week_7" AS BIGINT) AS "week_7",
 CAST("week_8" AS BIGINT) AS "week_8",
 CAST("level_0" AS BIGINT) AS "level_0",
 CAST("level_1" AS BIGINT) AS "level_1",
 CAST("level_2" AS BIGINT) AS "level_2",
 CAST("level_3" AS BIGINT) AS "level_3",
 CAST("level_4" AS BIGINT) AS "level_4",
 CAST("level_5" AS BIGINT) AS "level_5",
 CAST("level_6" AS BIGINT) AS "level_6",
 CAST("level_7" AS BIGINT) AS "level_7",
 CAST("level_8" AS BIGINT) AS "level_8",
 "is_first_use",
 "utilisation",
 "adoption",
 CAST("adopted_quantity" AS BIGINT) AS "adopted_quantity",
 CAST("idle" AS BIGINT) AS "idle",
 CAST("overage_periods_3" AS BIGINT) AS "overage_periods_3",
 CAST("periods_at_90_3" AS BIGINT) AS "periods_at_90_3",
 CAST("complete_periods" AS BIGINT) AS "complete_periods",
 CAST("peak_3" AS BIGINT) AS "peak_3",
 CAST("plan_used_1" AS BIGINT) AS "plan_used_1",
 CAST("plan_used_2" AS BIGINT) AS "plan_used_2",
 CAST("plan_used_3" AS BIGINT) AS "plan_used_3",
 "rate_now",
 "slope",
 "week_sd",
 "week_mean",
 "days_left",
 CAST("used_28d" AS BIGINT) AS "used_28d",
 CAST("used_prev_28d" AS BIGINT) AS "used_prev_28d",
 "trend_28d",
 "trend_56d",
 CAST("forecast_use" AS BIGINT) AS "forecast_use",
 CAST("forecast_high" AS BIGINT) AS "forecast_high",
 "days_to_limit",
 "days_to_limit_low",
 "days_to_limit_high",
 "breach_forecast",
 CAST("unused_day" AS INT) AS "unused_day",
 CAST("unused_look_days" AS BIGINT) AS "unused_look_days"
FROM (
 SELECT
  "t22"."account_key",
  "t22"."product_id",
  "t22"."meter_id",
  "t22"."meter_key",
  "t22"."plan_id",
  "t22"."paid_quantity",
  "t22"."aggregate",
  "t22"."meter_kind",
  "t22"."period",
  "t22"."value_meter",
  "t22"."is_advanced",
  "t22"."limit_quantity",
  "t22"."is_unlimited",
  "t22"."is_own_limit",
  "t22"."enforcement",
  "t22"."basis",
  "t22"."starts_next",
  "t22"."starts_0",
  "t22"."starts_1",
  "t22"."starts_2",
  "t22"."starts_3",
  "t22"."as_of",
  "t22"."as_of_day",
  "t22"."started_at",
  "t22"."begins_at",
  "t22"."changed_at",
  "t22"."is_paid",
  "t22"."live_subscriptions",
  "t22"."seats_used",
  "t22"."is_estimated",
  "t22"."used",
  "t22"."used_1",
  "t22"."used_2",
  "t22"."used_3",
  "t22"."week_1",
  "t22"."week_2",
  "t22"."week_3",
  "t22"."week_4",
  "t22"."week_5",
  "t22"."week_6",
  "t22"."week_7",
  "t22"."week_8",
  "t22"."level_0",
  "t22"."level_1",
  "t22"."level_2",
  "t22"."level_3",
  "t22"."level_4",
  "t22"."level_5",
  "t22"."level_6",
  "t22"."level_7",
  "t22"."level_8",
  "t22"."is_first_use",
  "t22"."utilisation",
  "t22"."adoption",
  "t22"."adopted_quantity",
  "t22"."idle",
  "t22"."overage_periods_3",
  "t22"."periods_at_90_3",
  "t22"."complete_periods",
  "t22"."peak_3",
  "t22"."plan_used_1",
  "t22"."plan_used_2",
  "t22"."plan_used_3",
  "t22"."rate_now",
  "t22"."slope",
  "t22"."week_sd",
  "t22"."week_mean",
  "t22"."days_left",
  "t22"."used_28d",
  "t22"."used_prev_28d",
  "t22"."trend_28d",
  "t22"."trend_56d",
  "t22"."forecast_use",
  "t22"."forecast_high",
  "t22"."days_to_limit",
  "t22"."days_to_limit_low",
  "t22"."days_to_limit_high",
  "t22"."breach_forecast",
  "t8"."unused_day",
  "t8"."unused_look_days"
 FROM (
  SELECT
   "t20"."account_key",
   "t20"."product_id",
   "t20"."meter_id",
   "t20"."meter_key",
   "t20"."plan_id",
   "t20"."paid_quantity",
   "t20"."aggregate",
   "t20"."meter_kind",
   "t20"."period",
   "t20"."value_meter",
   "t20"."is_advanced",
   "t20"."limit_quantity",
   "t20"."is_unlimited",
   "t20"."is_own_limit",
   "t20"."enforcement",
   "t20"."basis",
   "t20"."starts_next",
   "t20"."starts_0",
   "t20"."starts_1",
   "t20"."starts_2",
   "t20"."starts_3",
   "t20"."as_of",
   "t20"."as_of_day",
   "t20"."started_at",
   "t20"."begins_at",
   "t20"."changed_at",
   "t20"."is_paid",
   "t20"."live_subscriptions",
   "t20"."seats_used",
   "t20"."is_estimated",
   "t20"."used",
   "t20"."used_1",
   "t20"."used_2",
   "t20"."used_3",
   "t20"."week_1",
   "t20"."week_2",
   "t20"."week_3",
   "t20"."week_4",
   "t20"."week_5",
   "t20"."week_6",
   "t20"."week_7",
   "t20"."week_8",
   "t20"."level_0",
   "t20"."level_1",
   "t20"."level_2",
   "t20"."level_3",
   "t20"."level_4",
   "t20"."level_5",
   "t20"."level_6",
   "t20"."level_7",
   "t20"."level_8",
   "t20"."is_first_use",
   "t20"."utilisation",
   "t20"."adoption",
   "t20"."adopted_quantity",
   "t20"."idle",
   "t20"."overage_periods_3",
   "t20"."periods_at_90_3",
   "t20"."complete_periods",
   "t20"."peak_3",
   "t20"."plan_used_1",
   "t20"."plan_used_2",
   "t20"."plan_used_3",
   "t20"."rate_now",
   "t20"."slope",
   "t20"."week_sd",
   "t20"."week_mean",
   "t20"."days_left",
   "t20"."used_28d",
   "t20"."used_prev_28d",
   "t20"."trend_28d",
   "t20"."trend_56d",
   "t20"."forecast_use",
   "t20"."forecast_high",
   "t20"."days_to_limit",
   "t20"."days_to_limit_low",
   "t20"."days_to_limit_high",
   "t20"."breach_forecast"
  FROM (
   SELECT
    "t19"."account_key",
    "t19"."product_id",
    "t19"."meter_id",
    "t19"."meter_key",
    "t19"."plan_id",
    "t19"."paid_quantity",
    "t19"."aggregate",
    "t19"."meter_kind",
    "t19"."period",
    "t19"."value_meter",
    "t19"."is_advanced",
    "t19"."limit_quantity",
    "t19"."is_unlimited",
    "t19"."is_own_limit",
    "t19"."enforcement",
    "t19"."basis",
    "t19"."starts_next",
    "t19"."starts_0",
    "t19"."starts_1",
    "t19"."starts_2",
    "t19"."starts_3",
    "t19"."as_of",
    "t19"."as_of_day",
    "t19"."started_at",
    "t19"."begins_at",
    "t19"."changed_at",
    "t19"."is_paid",
    "t19"."live_subscriptions",
    "t19"."seats_used",
    "t19"."is_estimated",
    "t19"."used",
    "t19"."used_1",
    "t19"."used_2",
    "t19"."used_3",
    "t19"."week_1",
    "t19"."week_2",
    "t19"."week_3",
    "t19"."week_4",
    "t19"."week_5",
    "t19"."week_6",
    "t19"."week_7",
    "t19"."week_8",
    "t19"."level_0",
    "t19"."level_1",
    "t19"."level_2",
    "t19"."level_3",
    "t19"."level_4",
    "t19"."level_5",
    "t19"."level_6",
    "t19"."level_7",
    "t19"."level_8",
    "t19"."is_first_use",
    "t19"."utilisation",
    "t19"."adoption",
    "t19"."adopted_quantity",
    "t19"."idle",
    "t19"."overage_periods_3",
    "t19"."periods_at_90_3",
    "t19"."complete_periods",
    "t19"."peak_3",
    "t19"."plan_used_1",
    "t19"."plan_used_2",
    "t19"."plan_used_3",
    "t19"."rate_now",
    "t19"."slope",
    "t19"."week_sd",
    "t19"."week_mean",
    "t19"."days_left",
    "t19"."used_28d",
    "t19"."used_prev_28d",
    "t19"."trend_28d",
    "t19"."trend_56d",
    "t19"."forecast_use",
    "t19"."forecast_high",
    "t19"."_days",
    "t19"."_doubt",
    CASE
     WHEN COALESCE(
      CASE
       WHEN "t19"."meter_kind" = 'flow'
       THEN "t19"."_days" <= "t19"."days_left"
       ELSE "t19"."_days" <= 3650.0
      END,
      FALSE
     )
     THEN "t19"."_days"
     ELSE CAST(NULL AS DOUBLE PRECISION)
    END AS "days_to_limit",
    CASE
     WHEN CASE
      WHEN COALESCE(
       CASE
        WHEN "t19"."meter_kind" = 'flow'
        THEN "t19"."_days" <= "t19"."days_left"
        ELSE "t19"."_days" <= 3650.0
       END,
       FALSE
      )
      THEN "t19"."_days"
      ELSE CAST(NULL AS DOUBLE PRECISION)
     END < "t19"."_doubt"
     THEN 0.0
     ELSE CASE
      WHEN COALESCE(
       CASE
        WHEN "t19"."meter_kind" = 'flow'
        THEN "t19"."_days" <= "t19"."days_left"
        ELSE "t19"."_days" <= 3650.0
       END,
       FALSE
      )
      THEN "t19"."_days"
      ELSE CAST(NULL AS DOUBLE PRECISION)
     END - "t19"."_doubt"
    END AS "days_to_limit_low",
    CASE
     WHEN COALESCE(
      CASE
       WHEN "t19"."meter_kind" = 'flow'
       THEN "t19"."_days" <= "t19"."days_left"
       ELSE "t19"."_days" <= 3650.0
      END,
      FALSE
     )
     THEN "t19"."_days"
     ELSE CAST(NULL AS DOUBLE PRECISION)
    END + "t19"."_doubt" AS "days_to_limit_high",
    COALESCE(
     CASE
      WHEN COALESCE(
       CASE
        WHEN "t19"."meter_kind" = 'flow'
        THEN "t19"."_days" <= "t19"."days_left"
        ELSE "t19"."_days" <= 3650.0
       END,
       FALSE
      )
      THEN "t19"."_days"
      ELSE CAST(NULL AS DOUBLE PRECISION)
     END <= "t19"."days_left",
     FALSE
    ) AS "breach_forecast"
   FROM (
    SELECT
     "t18"."account_key",
     "t18"."product_id",
     "t18"."meter_id",
     "t18"."meter_key",
     "t18"."plan_id",
     "t18"."paid_quantity",
     "t18"."aggregate",
     "t18"."meter_kind",
     "t18"."period",
     "t18"."value_meter",
     "t18"."is_advanced",
     "t18"."limit_quantity",
     "t18"."is_unlimited",
     "t18"."is_own_limit",
     "t18"."enforcement",
     "t18"."basis",
     "t18"."starts_next",
     "t18"."starts_0",
     "t18"."starts_1",
     "t18"."starts_2",
     "t18"."starts_3",
     "t18"."as_of",
     "t18"."as_of_day",
     "t18"."started_at",
     "t18"."begins_at",
     "t18"."changed_at",
     "t18"."is_paid",
     "t18"."live_subscriptions",
     "t18"."seats_used",
     "t18"."is_estimated",
     "t18"."used",
     "t18"."used_1",
     "t18"."used_2",
     "t18"."used_3",
     "t18"."week_1",
     "t18"."week_2",
     "t18"."week_3",
     "t18"."week_4",
     "t18"."week_5",
     "t18"."week_6",
     "t18"."week_7",
     "t18"."week_8",
     "t18"."level_0",
     "t18"."level_1",
     "t18"."level_2",
     "t18"."level_3",
     "t18"."level_4",
     "t18"."level_5",
     "t18"."level_6",
     "t18"."level_7",
     "t18"."level_8",
     "t18"."is_first_use",
     "t18"."utilisation",
     "t18"."adoption",
     "t18"."adopted_quantity",
     "t18"."idle",
     "t18"."overage_periods_3",
     "t18"."periods_at_90_3",
     "t18"."complete_periods",
     "t18"."peak_3",
     "t18"."plan_used_1",
     "t18"."plan_used_2",
     "t18"."plan_used_3",
     "t18"."rate_now",
     "t18"."slope",
     "t18"."week_sd",
     "t18"."week_mean",
     "t18"."days_left",
     "t18"."used_28d",
     "t18"."used_prev_28d",
     "t18"."trend_28d",
     "t18"."trend_56d",
     "t18"."forecast_use",
     "t18"."forecast_high",
     "t18"."_days",
     COALESCE(
      CAST((
       "t18"."week_sd" * SQRT(
        (
         CAST(GREATEST("t18"."_days", 0.0) AS DOUBLE PRECISION) / 7.0
        ) + (
         CAST((
          (
           CAST(GREATEST("t18"."_days", 0.0) AS DOUBLE PRECISION) / 7.0
          ) * (
           CAST(GREATEST("t18"."_days", 0.0) AS DOUBLE PRECISION) / 7.0
          )
         ) AS DOUBLE PRECISION) / 8.0
        )
       ) * 1.2816
      ) AS DOUBLE PRECISION) / NULLIF(
       GREATEST("t18"."rate_now" + (
        "t18"."slope" * "t18"."_days"
       ), "t18"."rate_now" * 0.1),
       0.0
      ),
      0.0
     ) AS "_doubt"
    FROM (
     SELECT
      "t17"."account_key",
      "t17"."product_id",
      "t17"."meter_id",
      "t17"."meter_key",
      "t17"."plan_id",
      "t17"."paid_quantity",
      "t17"."aggregate",
      "t17"."meter_kind",
      "t17"."period",
      "t17"."value_meter",
      "t17"."is_advanced",
      "t17"."limit_quantity",
      "t17"."is_unlimited",
      "t17"."is_own_limit",
      "t17"."enforcement",
      "t17"."basis",
      "t17"."starts_next",
      "t17"."starts_0",
      "t17"."starts_1",
      "t17"."starts_2",
      "t17"."starts_3",
      "t17"."as_of",
      "t17"."as_of_day",
      "t17"."started_at",
      "t17"."begins_at",
      "t17"."changed_at",
      "t17"."is_paid",
      "t17"."live_subscriptions",
      "t17"."seats_used",
      "t17"."is_estimated",
      "t17"."used",
      "t17"."used_1",
      "t17"."used_2",
      "t17"."used_3",
      "t17"."week_1",
      "t17"."week_2",
      "t17"."week_3",
      "t17"."week_4",
      "t17"."week_5",
      "t17"."week_6",
      "t17"."week_7",
      "t17"."week_8",
      "t17"."level_0",
      "t17"."level_1",
      "t17"."level_2",
      "t17"."level_3",
      "t17"."level_4",
      "t17"."level_5",
      "t17"."level_6",
      "t17"."level_7",
      "t17"."level_8",
      "t17"."is_first_use",
      "t17"."utilisation",
      "t17"."adoption",
      "t17"."adopted_quantity",
      "t17"."idle",
      "t17"."overage_periods_3",
      "t17"."periods_at_90_3",
      "t17"."complete_periods",
      "t17"."peak_3",
      "t17"."plan_used_1",
      "t17"."plan_used_2",
      "t17"."plan_used_3",
      "t17"."rate_now",
      "t17"."slope",
      "t17"."week_sd",
      "t17"."week_mean",
      "t17"."days_left",
      "t17"."used_28d",
      "t17"."used_prev_28d",
      "t17"."trend_28d",
      "t17"."trend_56d",
      "t17"."forecast_use",
      "t17"."forecast_high",
      CASE
       WHEN "t17"."limit_quantity" > 0
       THEN CASE
        WHEN CASE
         WHEN CAST("t17"."limit_quantity" - "t17"."used" AS DOUBLE PRECISION) <= 0
         THEN 0.0
         WHEN (
          "t17"."slope" = 0.0
         ) AND (
          "t17"."rate_now" > 0
         )
         THEN CAST("t17"."limit_quantity" - "t17"."used" AS DOUBLE PRECISION) / NULLIF("t17"."rate_now", 0.0)
         WHEN (
          "t17"."slope" <> 0.0
         )
         AND (
          (
           (
            "t17"."rate_now" * "t17"."rate_now"
           ) + (
            "t17"."slope" * 2.0 * CAST("t17"."limit_quantity" - "t17"."used" AS DOUBLE PRECISION)
           )
          ) >= 0
         )
         THEN CAST((
          SQRT(
           GREATEST(
            (
             "t17"."rate_now" * "t17"."rate_now"
            ) + (
             "t17"."slope" * 2.0 * CAST("t17"."limit_quantity" - "t17"."used" AS DOUBLE PRECISION)
            ),
            0.0
           )
          ) - "t17"."rate_now"
         ) AS DOUBLE PRECISION) / NULLIF("t17"."slope", 0.0)
         ELSE CAST(NULL AS DOUBLE PRECISION)
        END >= 0
        THEN CASE
         WHEN CAST("t17"."limit_quantity" - "t17"."used" AS DOUBLE PRECISION) <= 0
         THEN 0.0
         WHEN (
          "t17"."slope" = 0.0
         ) AND (
          "t17"."rate_now" > 0
         )
         THEN CAST("t17"."limit_quantity" - "t17"."used" AS DOUBLE PRECISION) / NULLIF("t17"."rate_now", 0.0)
         WHEN (
          "t17"."slope" <> 0.0
         )
         AND (
          (
           (
            "t17"."rate_now" * "t17"."rate_now"
           ) + (
            "t17"."slope" * 2.0 * CAST("t17"."limit_quantity" - "t17"."used" AS DOUBLE PRECISION)
           )
          ) >= 0
         )
         THEN CAST((
          SQRT(
           GREATEST(
            (
             "t17"."rate_now" * "t17"."rate_now"
            ) + (
             "t17"."slope" * 2.0 * CAST("t17"."limit_quantity" - "t17"."used" AS DOUBLE PRECISION)
            ),
            0.0
           )
          ) - "t17"."rate_now"
         ) AS DOUBLE PRECISION) / NULLIF("t17"."slope", 0.0)
         ELSE CAST(NULL AS DOUBLE PRECISION)
        END
        ELSE CAST(NULL AS DOUBLE PRECISION)
       END
       ELSE CAST(NULL AS DOUBLE PRECISION)
      END AS "_days"
     FROM (
      SELECT
       "t16"."account_key",
       "t16"."product_id",
       "t16"."meter_id",
       "t16"."meter_key",
       "t16"."plan_id",
       "t16"."paid_quantity",
       "t16"."aggregate",
       "t16"."meter_kind",
       "t16"."period",
       "t16"."value_meter",
       "t16"."is_advanced",
       "t16"."limit_quantity",
       "t16"."is_unlimited",
       "t16"."is_own_limit",
       "t16"."enforcement",
       "t16"."basis",
       "t16"."starts_next",
       "t16"."starts_0",
       "t16"."starts_1",
       "t16"."starts_2",
       "t16"."starts_3",
       "t16"."as_of",
       "t16"."as_of_day",
       "t16"."started_at",
       "t16"."begins_at",
       "t16"."changed_at",
       "t16"."is_paid",
       "t16"."live_subscriptions",
       "t16"."seats_used",
       "t16"."is_estimated",
       "t16"."used",
       "t16"."used_1",
       "t16"."used_2",
       "t16"."used_3",
       "t16"."week_1",
       "t16"."week_2",
       "t16"."week_3",
       "t16"."week_4",
       "t16"."week_5",
       "t16"."week_6",
       "t16"."week_7",
       "t16"."week_8",
       "t16"."level_0",
       "t16"."level_1",
       "t16"."level_2",
       "t16"."level_3",
       "t16"."level_4",
       "t16"."level_5",
       "t16"."level_6",
       "t16"."level_7",
       "t16"."level_8",
       "t16"."is_first_use",
       "t16"."utilisation",
       "t16"."adoption",
       "t16"."adopted_quantity",
       "t16"."idle",
       "t16"."overage_periods_3",
       "t16"."periods_at_90_3",
       "t16"."complete_periods",
       "t16"."peak_3",
       "t16"."plan_used_1",
       "t16"."plan_used_2",
       "t16"."plan_used_3",
       "t16"."rate_now",
       "t16"."slope",
       "t16"."week_sd",
       "t16"."week_mean",
       "t16"."days_left",
       "t16"."used_28d",
       "t16"."used_prev_28d",
       "t16"."trend_28d",
       "t16"."trend_56d",
       "t16"."forecast_use",
       "t16"."forecast_high"
      FROM (
       SELECT
        "t15"."account_key",
        "t15"."product_id",
        "t15"."meter_id",
        "t15"."meter_key",
        "t15"."plan_id",
        "t15"."paid_quantity",
        "t15"."aggregate",
        "t15"."meter_kind",
        "t15"."period",
        "t15"."value_meter",
        "t15"."is_advanced",
        "t15"."limit_quantity",
        "t15"."is_unlimited",
        "t15"."is_own_limit",
        "t15"."enforcement",
        "t15"."basis",
        "t15"."starts_next",
        "t15"."starts_0",
        "t15"."starts_1",
        "t15"."starts_2",
        "t15"."starts_3",
        "t15"."as_of",
        "t15"."as_of_day",
        "t15"."started_at",
        "t15"."begins_at",
        "t15"."changed_at",
        "t15"."is_paid",
        "t15"."live_subscriptions",
        "t15"."seats_used",
        "t15"."is_estimated",
        "t15"."used",
        "t15"."used_1",
        "t15"."used_2",
        "t15"."used_3",
        "t15"."week_1",
        "t15"."week_2",
        "t15"."week_3",
        "t15"."week_4",
        "t15"."week_5",
        "t15"."week_6",
        "t15"."week_7",
        "t15"."week_8",
        "t15"."level_0",
        "t15"."level_1",
        "t15"."level_2",
        "t15"."level_3",
        "t15"."level_4",
        "t15"."level_5",
        "t15"."level_6",
        "t15"."level_7",
        "t15"."level_8",
        "t15"."is_first_use",
        "t15"."utilisation",
        "t15"."adoption",
        "t15"."adopted_quantity",
        "t15"."idle",
        "t15"."overage_periods_3",
        "t15"."periods_at_90_3",
        "t15"."complete_periods",
        "t15"."peak_3",
        "t15"."plan_used_1",
        "t15"."plan_used_2",
        "t15"."plan_used_3",
        "t15"."rate_now",
        "t15"."slope",
        "t15"."week_sd",
        "t15"."week_mean",
        "t15"."is_young",
        "t15"."days_left",
        "t15"."used_28d",
        "t15"."used_prev_28d",
        "t15"."trend_28d",
        "t15"."trend_56d",
        "t15"."_more",
        "t15"."_noise",
        CAST(FLOOR("t15"."used" + "t15"."_more" + 0.5) AS BIGINT) AS "forecast_use",
        CAST(CEIL("t15"."used" + "t15"."_more" + (
         "t15"."_noise" * 1.2816
        )) AS BIGINT) AS "forecast_high"
       FROM (
        SELECT
         "t14"."account_key",
         "t14"."product_id",
         "t14"."meter_id",
         "t14"."meter_key",
         "t14"."plan_id",
         "t14"."paid_quantity",
         "t14"."aggregate",
         "t14"."meter_kind",
         "t14"."period",
         "t14"."value_meter",
         "t14"."is_advanced",
         "t14"."limit_quantity",
         "t14"."is_unlimited",
         "t14"."is_own_limit",
         "t14"."enforcement",
         "t14"."basis",
         "t14"."starts_next",
         "t14"."starts_0",
         "t14"."starts_1",
         "t14"."starts_2",
         "t14"."starts_3",
         "t14"."as_of",
         "t14"."as_of_day",
         "t14"."started_at",
         "t14"."begins_at",
         "t14"."changed_at",
         "t14"."is_paid",
         "t14"."live_subscriptions",
         "t14"."seats_used",
         "t14"."is_estimated",
         "t14"."used",
         "t14"."used_1",
         "t14"."used_2",
         "t14"."used_3",
         "t14"."week_1",
         "t14"."week_2",
         "t14"."week_3",
         "t14"."week_4",
         "t14"."week_5",
         "t14"."week_6",
         "t14"."week_7",
         "t14"."week_8",
         "t14"."level_0",
         "t14"."level_1",
         "t14"."level_2",
         "t14"."level_3",
         "t14"."level_4",
         "t14"."level_5",
         "t14"."level_6",
         "t14"."level_7",
         "t14"."level_8",
         "t14"."is_first_use",
         "t14"."utilisation",
         "t14"."adoption",
         "t14"."adopted_quantity",
         "t14"."idle",
         "t14"."overage_periods_3",
         "t14"."periods_at_90_3",
         "t14"."complete_periods",
         "t14"."peak_3",
         "t14"."plan_used_1",
         "t14"."plan_used_2",
         "t14"."plan_used_3",
         "t14"."rate_now",
         "t14"."slope",
         "t14"."week_sd",
         "t14"."week_mean",
         "t14"."is_young",
         "t14"."days_left",
         "t14"."used_28d",
         "t14"."used_prev_28d",
         CASE
          WHEN "t14"."is_young"
          THEN CAST(NULL AS DOUBLE PRECISION)
          ELSE (
           CAST("t14"."used_28d" AS DOUBLE PRECISION) / NULLIF(CAST("t14"."used_prev_28d" AS DOUBLE PRECISION), 0.0)
          ) - 1.0
         END AS "trend_28d",
         CAST((
          "t14"."slope" * 56.0
         ) AS DOUBLE PRECISION) / NULLIF(CAST("t14"."week_mean" AS DOUBLE PRECISION) / 7.0, 0.0) AS "trend_56d",
         CASE
          WHEN (
           (
            "t14"."rate_now" * CASE
             WHEN CASE
              WHEN "t14"."slope" < 0
              THEN LEAST(
               "t14"."days_left",
               CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                "t14"."slope"
               ), 0.0)
              )
              ELSE "t14"."days_left"
             END < 0
             THEN 0.0
             ELSE CASE
              WHEN "t14"."slope" < 0
              THEN LEAST(
               "t14"."days_left",
               CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                "t14"."slope"
               ), 0.0)
              )
              ELSE "t14"."days_left"
             END
            END
           ) + (
            "t14"."slope" * LEAST(
             CASE
              WHEN CASE
               WHEN "t14"."slope" < 0
               THEN LEAST(
                "t14"."days_left",
                CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                 "t14"."slope"
                ), 0.0)
               )
               ELSE "t14"."days_left"
              END < 0
              THEN 0.0
              ELSE CASE
               WHEN "t14"."slope" < 0
               THEN LEAST(
                "t14"."days_left",
                CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                 "t14"."slope"
                ), 0.0)
               )
               ELSE "t14"."days_left"
              END
             END,
             56.0
            ) * (
             CASE
              WHEN CASE
               WHEN "t14"."slope" < 0
               THEN LEAST(
                "t14"."days_left",
                CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                 "t14"."slope"
                ), 0.0)
               )
               ELSE "t14"."days_left"
              END < 0
              THEN 0.0
              ELSE CASE
               WHEN "t14"."slope" < 0
               THEN LEAST(
                "t14"."days_left",
                CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                 "t14"."slope"
                ), 0.0)
               )
               ELSE "t14"."days_left"
              END
             END - (
              CAST(LEAST(
               CASE
                WHEN CASE
                 WHEN "t14"."slope" < 0
                 THEN LEAST(
                  "t14"."days_left",
                  CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                   "t14"."slope"
                  ), 0.0)
                 )
                 ELSE "t14"."days_left"
                END < 0
                THEN 0.0
                ELSE CASE
                 WHEN "t14"."slope" < 0
                 THEN LEAST(
                  "t14"."days_left",
                  CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                   "t14"."slope"
                  ), 0.0)
                 )
                 ELSE "t14"."days_left"
                END
               END,
               56.0
              ) AS DOUBLE PRECISION) / 2.0
             )
            )
           )
          ) < 0
          THEN 0.0
          ELSE (
           "t14"."rate_now" * CASE
            WHEN CASE
             WHEN "t14"."slope" < 0
             THEN LEAST(
              "t14"."days_left",
              CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
               "t14"."slope"
              ), 0.0)
             )
             ELSE "t14"."days_left"
            END < 0
            THEN 0.0
            ELSE CASE
             WHEN "t14"."slope" < 0
             THEN LEAST(
              "t14"."days_left",
              CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
               "t14"."slope"
              ), 0.0)
             )
             ELSE "t14"."days_left"
            END
           END
          ) + (
           "t14"."slope" * LEAST(
            CASE
             WHEN CASE
              WHEN "t14"."slope" < 0
              THEN LEAST(
               "t14"."days_left",
               CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                "t14"."slope"
               ), 0.0)
              )
              ELSE "t14"."days_left"
             END < 0
             THEN 0.0
             ELSE CASE
              WHEN "t14"."slope" < 0
              THEN LEAST(
               "t14"."days_left",
               CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                "t14"."slope"
               ), 0.0)
              )
              ELSE "t14"."days_left"
             END
            END,
            56.0
           ) * (
            CASE
             WHEN CASE
              WHEN "t14"."slope" < 0
              THEN LEAST(
               "t14"."days_left",
               CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                "t14"."slope"
               ), 0.0)
              )
              ELSE "t14"."days_left"
             END < 0
             THEN 0.0
             ELSE CASE
              WHEN "t14"."slope" < 0
              THEN LEAST(
               "t14"."days_left",
               CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                "t14"."slope"
               ), 0.0)
              )
              ELSE "t14"."days_left"
             END
            END - (
             CAST(LEAST(
              CASE
               WHEN CASE
                WHEN "t14"."slope" < 0
                THEN LEAST(
                 "t14"."days_left",
                 CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                  "t14"."slope"
                 ), 0.0)
                )
                ELSE "t14"."days_left"
               END < 0
               THEN 0.0
               ELSE CASE
                WHEN "t14"."slope" < 0
                THEN LEAST(
                 "t14"."days_left",
                 CAST("t14"."rate_now" AS DOUBLE PRECISION) / NULLIF(-(
                  "t14"."slope"
                 ), 0.0)
                )
                ELSE "t14"."days_left"
               END
              END,
              56.0
             ) AS DOUBLE PRECISION) / 2.0
            )
           )
          )
         END AS "_more",
         "t14"."week_sd" * SQRT(
          (
           CAST("t14"."days_left" AS DOUBLE PRECISION) / 7.0
          ) + (
           CAST((
            (
             CAST("t14"."days_left" AS DOUBLE PRECISION) / 7.0
            ) * (
             CAST("t14"."days_left" AS DOUBLE PRECISION) / 7.0
            )
           ) AS DOUBLE PRECISION) / 8.0
          )
         ) AS "_noise"
        FROM (
         SELECT
          "t13"."account_key",
          "t13"."product_id",
          "t13"."meter_id",
          "t13"."meter_key",
          "t13"."plan_id",
          "t13"."paid_quantity",
          "t13"."aggregate",
          "t13"."meter_kind",
          "t13"."period",
          "t13"."value_meter",
          "t13"."is_advanced",
          "t13"."limit_quantity",
          "t13"."is_unlimited",
          "t13"."is_own_limit",
          "t13"."enforcement",
          "t13"."basis",
          "t13"."starts_next",
          "t13"."starts_0",
          "t13"."starts_1",
          "t13"."starts_2",
          "t13"."starts_3",
          "t13"."as_of",
          "t13"."as_of_day",
          "t13"."started_at",
          "t13"."begins_at",
          "t13"."changed_at",
          "t13"."is_paid",
          "t13"."live_subscriptions",
          "t13"."seats_used",
          "t13"."is_estimated",
          "t13"."used",
          "t13"."used_1",
          "t13"."used_2",
          "t13"."used_3",
          "t13"."week_1",
          "t13"."week_2",
          "t13"."week_3",
          "t13"."week_4",
          "t13"."week_5",
          "t13"."week_6",
          "t13"."week_7",
          "t13"."week_8",
          "t13"."level_0",
          "t13"."level_1",
          "t13"."level_2",
          "t13"."level_3",
          "t13"."level_4",
          "t13"."level_5",
          "t13"."level_6",
          "t13"."level_7",
          "t13"."level_8",
          "t13"."is_first_use",
          "t13"."utilisation",
          "t13"."adoption",
          "t13"."adopted_quantity",
          "t13"."idle",
          "t13"."overage_periods_3",
          "t13"."periods_at_90_3",
          "t13"."complete_periods",
          "t13"."peak_3",
          "t13"."plan_used_1",
          "t13"."plan_used_2",
          "t13"."plan_used_3",
          "t13"."rate_now",
          "t13"."slope",
          "t13"."week_sd",
          "t13"."week_mean",
          "t13"."is_young",
          CASE
           WHEN (
            "t13"."meter_kind" = 'flow'
           ) AND (
            "t13"."starts_next" > 549755813888
           )
           THEN 30.0
           ELSE CASE
            WHEN "t13"."meter_kind" = 'flow'
            THEN CAST(GREATEST("t13"."starts_next" - "t13"."as_of", 0) AS DOUBLE PRECISION) / 86400.0
            ELSE 30.0
           END
          END AS "days_left",
          CASE
           WHEN "t13"."meter_kind" = 'flow'
           THEN "t13"."week_1" + "t13"."week_2" + "t13"."week_3" + "t13"."week_4"
           ELSE "t13"."used"
          END AS "used_28d",
          CASE
           WHEN "t13"."meter_kind" = 'flow'
           THEN "t13"."week_5" + "t13"."week_6" + "t13"."week_7" + "t13"."week_8"
           ELSE "t13"."level_4"
          END AS "used_prev_28d"
         FROM (
          SELECT
           "t12"."account_key",
           "t12"."product_id",
           "t12"."meter_id",
           "t12"."meter_key",
           "t12"."plan_id",
           "t12"."paid_quantity",
           "t12"."aggregate",
           "t12"."meter_kind",
           "t12"."period",
           "t12"."value_meter",
           "t12"."is_advanced",
           "t12"."limit_quantity",
           "t12"."is_unlimited",
           "t12"."is_own_limit",
           "t12"."enforcement",
           "t12"."basis",
           "t12"."starts_next",
           "t12"."starts_0",
           "t12"."starts_1",
           "t12"."starts_2",
           "t12"."starts_3",
           "t12"."as_of",
           "t12"."as_of_day",
           "t12"."started_at",
           "t12"."begins_at",
           "t12"."changed_at",
           "t12"."is_paid",
           "t12"."live_subscriptions",
           "t12"."seats_used",
           "t12"."is_estimated",
           "t12"."used",
           "t12"."used_1",
           "t12"."used_2",
           "t12"."used_3",
           "t12"."week_1",
           "t12"."week_2",
           "t12"."week_3",
           "t12"."week_4",
           "t12"."week_5",
           "t12"."week_6",
           "t12"."week_7",
           "t12"."week_8",
           "t12"."level_0",
           "t12"."level_1",
           "t12"."level_2",
           "t12"."level_3",
           "t12"."level_4",
           "t12"."level_5",
           "t12"."level_6",
           "t12"."level_7",
           "t12"."level_8",
           "t12"."is_first_use",
           "t12"."utilisation",
           "t12"."adoption",
           "t12"."adopted_quantity",
           "t12"."idle",
           "t12"."overage_periods_3",
           "t12"."periods_at_90_3",
           "t12"."complete_periods",
           "t12"."peak_3",
           "t12"."plan_used_1",
           "t12"."plan_used_2",
           "t12"."plan_used_3",
           "t12"."rate_now",
           "t12"."slope",
           "t12"."week_sd",
           "t12"."week_mean",
           "t12"."is_young"
          FROM (
           SELECT
            "t11"."account_key",
            "t11"."product_id",
            "t11"."meter_id",
            "t11"."meter_key",
            "t11"."plan_id",
            "t11"."paid_quantity",
            "t11"."aggregate",
            "t11"."meter_kind",
            "t11"."period",
            "t11"."value_meter",
            "t11"."is_advanced",
            "t11"."limit_quantity",
            "t11"."is_unlimited",
            "t11"."is_own_limit",
            "t11"."enforcement",
            "t11"."basis",
            "t11"."starts_next",
            "t11"."starts_0",
            "t11"."starts_1",
            "t11"."starts_2",
            "t11"."starts_3",
            "t11"."as_of",
            "t11"."as_of_day",
            "t11"."started_at",
            "t11"."begins_at",
            "t11"."changed_at",
            "t11"."is_paid",
            "t11"."live_subscriptions",
            "t11"."seats_used",
            "t11"."is_estimated",
            "t11"."used",
            "t11"."used_1",
            "t11"."used_2",
            "t11"."used_3",
            "t11"."week_1",
            "t11"."week_2",
            "t11"."week_3",
            "t11"."week_4",
            "t11"."week_5",
            "t11"."week_6",
            "t11"."week_7",
            "t11"."week_8",
            "t11"."level_0",
            "t11"."level_1",
            "t11"."level_2",
            "t11"."level_3",
            "t11"."level_4",
            "t11"."level_5",
            "t11"."level_6",
            "t11"."level_7",
            "t11"."level_8",
            "t11"."is_first_use",
            "t11"."utilisation",
            "t11"."adoption",
            "t11"."adopted_quantity",
            "t11"."idle",
            "t11"."overage_periods_3",
            "t11"."periods_at_90_3",
            "t11"."complete_periods",
            "t11"."peak_3",
            "t11"."plan_used_1",
            "t11"."plan_used_2",
            "t11"."plan_used_3",
            CASE
             WHEN "t11"."_is_first"
             THEN CAST("t11"."used" AS DOUBLE PRECISION) / NULLIF("t11"."_gone", 0.0)
             WHEN "t11"."is_young"
             THEN CAST((
              "t11"."week_mean" * 8.0
             ) AS DOUBLE PRECISION) / NULLIF("t11"."_days", 0.0)
             ELSE "t11"."rate_now"
            END AS "rate_now",
            CASE WHEN "t11"."is_young" OR "t11"."_is_first" THEN 0.0 ELSE "t11"."slope" END AS "slope",
            CASE
             WHEN "t11"."is_young" OR "t11"."_is_first"
             THEN CASE
              WHEN "t11"."_is_first"
              THEN CAST("t11"."used" AS DOUBLE PRECISION) / NULLIF("t11"."_gone", 0.0)
              WHEN "t11"."is_young"
              THEN CAST((
               "t11"."week_mean" * 8.0
              ) AS DOUBLE PRECISION) / NULLIF("t11"."_days", 0.0)
              ELSE "t11"."rate_now"
             END * 3.5
             ELSE "t11"."week_sd"
            END AS "week_sd",
            CASE
             WHEN "t11"."_is_first"
             THEN CAST("t11"."used" AS DOUBLE PRECISION) / NULLIF("t11"."_gone", 0.0)
             WHEN "t11"."is_young"
             THEN CAST((
              "t11"."week_mean" * 8.0
             ) AS DOUBLE PRECISION) / NULLIF("t11"."_days", 0.0)
             ELSE "t11"."rate_now"
            END * 7.0 AS "week_mean",
            "t11"."_days",
            "t11"."_gone",
            "t11"."_held",
            "t11"."is_young" OR "t11"."_is_first" AS "is_young",
            "t11"."_is_first"
           FROM (
            SELECT
             "t10"."account_key",
             "t10"."product_id",
             "t10"."meter_id",
             "t10"."meter_key",
             "t10"."plan_id",
             "t10"."paid_quantity",
             "t10"."aggregate",
             "t10"."meter_kind",
             "t10"."period",
             "t10"."value_meter",
             "t10"."is_advanced",
             "t10"."limit_quantity",
             "t10"."is_unlimited",
             "t10"."is_own_limit",
             "t10"."enforcement",
             "t10"."basis",
             "t10"."starts_next",
             "t10"."starts_0",
             "t10"."starts_1",
             "t10"."starts_2",
             "t10"."starts_3",
             "t10"."as_of",
             "t10"."as_of_day",
             "t10"."started_at",
             "t10"."begins_at",
             "t10"."changed_at",
             "t10"."is_paid",
             "t10"."live_subscriptions",
             "t10"."seats_used",
             "t10"."is_estimated",
             "t10"."used",
             "t10"."used_1",
             "t10"."used_2",
             "t10"."used_3",
             "t10"."week_1",
             "t10"."week_2",
             "t10"."week_3",
             "t10"."week_4",
             "t10"."week_5",
             "t10"."week_6",
             "t10"."week_7",
             "t10"."week_8",
             "t10"."level_0",
             "t10"."level_1",
             "t10"."level_2",
             "t10"."level_3",
             "t10"."level_4",
             "t10"."level_5",
             "t10"."level_6",
             "t10"."level_7",
             "t10"."level_8",
             "t10"."is_first_use",
             "t10"."utilisation",
             "t10"."adoption",
             "t10"."adopted_quantity",
             "t10"."idle",
             "t10"."overage_periods_3",
             "t10"."periods_at_90_3",
             "t10"."complete_periods",
             "t10"."peak_3",
             "t10"."plan_used_1",
             "t10"."plan_used_2",
             "t10"."plan_used_3",
             "t10"."rate_now",
             "t10"."slope",
             "t10"."week_sd",
             "t10"."week_mean",
             GREATEST(
              CAST((
               (
                CAST("t10"."as_of_day" AS BIGINT) * 86400
               ) - "t10"."started_at"
              ) AS DOUBLE PRECISION) / 86400.0,
              1.0
             ) AS "_days",
             GREATEST(CAST((
              "t10"."as_of" - "t10"."begins_at"
             ) AS DOUBLE PRECISION) / 86400.0, 1.0) AS "_gone",
             CAST((
              (
               CAST("t10"."as_of_day" AS BIGINT) * 86400
              ) - "t10"."started_at"
             ) AS DOUBLE PRECISION) / 86400.0 AS "_held",
             (
              "t10"."meter_kind" = 'flow'
             )
             AND COALESCE(
              (
               CAST((
                (
                 CAST("t10"."as_of_day" AS BIGINT) * 86400
                ) - "t10"."started_at"
               ) AS DOUBLE PRECISION) / 86400.0
              ) < 56.0,
              FALSE
             ) AS "is_young",
             COALESCE(
              "t10"."aggregate" IN ('sum', 'count')
              AND (
               "t10"."meter_kind" = 'flow'
              )
              AND (
               GREATEST(CAST((
                "t10"."as_of" - "t10"."begins_at"
               ) AS DOUBLE PRECISION) / 86400.0, 1.0) < 56.0
              )
              AND (
               "t10"."used" > 0
              )
              AND (
               (
                "t10"."week_mean" = 0
               )
               OR (
                (
                 "t10"."meter_kind" = 'flow'
                )
                AND COALESCE(
                 (
                  CAST((
                   (
                    CAST("t10"."as_of_day" AS BIGINT) * 86400
                   ) - "t10"."started_at"
                  ) AS DOUBLE PRECISION) / 86400.0
                 ) < 56.0,
                 FALSE
                )
                AND (
                 (
                  CAST((
                   (
                    CAST("t10"."as_of_day" AS BIGINT) * 86400
                   ) - "t10"."started_at"
                  ) AS DOUBLE PRECISION) / 86400.0
                 ) < 3.0
                )
               )
               OR (
                NOT (
                 (
                  "t10"."meter_kind" = 'flow'
                 )
                 AND COALESCE(
                  (
                   CAST((
                    (
                     CAST("t10"."as_of_day" AS BIGINT) * 86400
                    ) - "t10"."started_at"
                   ) AS DOUBLE PRECISION) / 86400.0
                  ) < 56.0,
                  FALSE
                 )
                )
                AND "t10"."is_first_use"
               )
              ),
              FALSE
             ) AS "_is_first"
            FROM (
             SELECT
              "t9"."account_key",
              "t9"."product_id",
              "t9"."meter_id",
              "t9"."meter_key",
              "t9"."plan_id",
              "t9"."paid_quantity",
              "t9"."aggregate",
              "t9"."meter_kind",
              "t9"."period",
              "t9"."value_meter",
              "t9"."is_advanced",
              "t9"."limit_quantity",
              "t9"."is_unlimited",
              "t9"."is_own_limit",
              "t9"."enforcement",
              "t9"."basis",
              "t9"."starts_next",
              "t9"."starts_0",
              "t9"."starts_1",
              "t9"."starts_2",
              "t9"."starts_3",
              "t9"."as_of",
              "t9"."as_of_day",
              "t9"."started_at",
              "t9"."begins_at",
              "t9"."changed_at",
              "t9"."is_paid",
              "t9"."live_subscriptions",
              "t9"."seats_used",
              "t9"."is_estimated",
              "t9"."used",
              "t9"."used_1",
              "t9"."used_2",
              "t9"."used_3",
              "t9"."week_1",
              "t9"."week_2",
              "t9"."week_3",
              "t9"."week_4",
              "t9"."week_5",
              "t9"."week_6",
              "t9"."week_7",
              "t9"."week_8",
              "t9"."level_0",
              "t9"."level_1",
              "t9"."level_2",
              "t9"."level_3",
              "t9"."level_4",
              "t9"."level_5",
              "t9"."level_6",
              "t9"."level_7",
              "t9"."level_8",
              "t9"."is_first_use",
              "t9"."utilisation",
              "t9"."adoption",
              "t9"."adopted_quantity",
              "t9"."idle",
              "t9"."overage_periods_3",
              "t9"."periods_at_90_3",
              "t9"."complete_periods",
              "t9"."peak_3",
              "t9"."plan_used_1",
              "t9"."plan_used_2",
              "t9"."plan_used_3",
              "t9"."rate_now",
              "t9"."slope",
              "t9"."week_sd",
              "t9"."week_mean"
             FROM (
              SELECT
               "t6"."account_key",
               "t6"."product_id",
               "t6"."meter_id",
               "t6"."meter_key",
               "t6"."plan_id",
               "t6"."paid_quantity",
               "t6"."aggregate",
               "t6"."meter_kind",
               "t6"."period",
               "t6"."value_meter",
               "t6"."is_advanced",
               "t6"."limit_quantity",
               "t6"."is_unlimited",
               "t6"."is_own_limit",
               "t6"."enforcement",
               "t6"."basis",
               "t6"."starts_next",
               "t6"."starts_0",
               "t6"."starts_1",
               "t6"."starts_2",
               "t6"."starts_3",
               "t6"."as_of",
               "t6"."as_of_day",
               "t6"."started_at",
               "t6"."begins_at",
               "t6"."changed_at",
               "t6"."is_paid",
               "t6"."live_subscriptions",
               "t6"."seats_used",
               "t6"."is_estimated",
               "t6"."used",
               "t6"."used_1",
               "t6"."used_2",
               "t6"."used_3",
               "t6"."week_1",
               "t6"."week_2",
               "t6"."week_3",
               "t6"."week_4",
               "t6"."week_5",
               "t6"."week_6",
               "t6"."week_7",
               "t6"."week_8",
               "t6"."level_0",
               "t6"."level_1",
               "t6"."level_2",
               "t6"."level_3",
               "t6"."level_4",
               "t6"."level_5",
               "t6"."level_6",
               "t6"."level_7",
               "t6"."level_8",
               "t6"."is_first_use",
               "t6"."utilisation",
               "t6"."adoption",
               "t6"."adopted_quantity",
               "t6"."idle",
               "t6"."overage_periods_3",
               "t6"."periods_at_90_3",
               "t6"."complete_periods",
               "t6"."peak_3",
               "t6"."plan_used_1",
               "t6"."plan_used_2",
               "t6"."plan_used_3",
               "t6"."_w0",
               "t6"."_w1",
               "t6"."_w2",
               "t6"."_w3",
               "t6"."_w4",
               "t6"."_w5",
               "t6"."_w6",
               "t6"."_w7",
               (
                CAST((
                 "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
                ) AS DOUBLE PRECISION) / 56.0
               ) + (
                CASE
                 WHEN (
                  CAST((
                   (
                    (
                     "t6"."_w0" * -3.5
                    ) + (
                     "t6"."_w1" * -2.5
                    ) + (
                     "t6"."_w2" * -1.5
                    ) + (
                     "t6"."_w3" * -0.5
                    ) + (
                     "t6"."_w4" * 0.5
                    ) + (
                     "t6"."_w5" * 1.5
                    ) + (
                     "t6"."_w6" * 2.5
                    ) + (
                     "t6"."_w7" * 3.5
                    )
                   ) * (
                    (
                     "t6"."_w0" * -3.5
                    ) + (
                     "t6"."_w1" * -2.5
                    ) + (
                     "t6"."_w2" * -1.5
                    ) + (
                     "t6"."_w3" * -0.5
                    ) + (
                     "t6"."_w4" * 0.5
                    ) + (
                     "t6"."_w5" * 1.5
                    ) + (
                     "t6"."_w6" * 2.5
                    ) + (
                     "t6"."_w7" * 3.5
                    )
                   )
                  ) AS DOUBLE PRECISION) / 42.0
                 ) > (
                  (
                   CAST(GREATEST(
                    (
                     (
                      (
                       "t6"."_w0" * "t6"."_w0"
                      ) + (
                       "t6"."_w1" * "t6"."_w1"
                      ) + (
                       "t6"."_w2" * "t6"."_w2"
                      ) + (
                       "t6"."_w3" * "t6"."_w3"
                      ) + (
                       "t6"."_w4" * "t6"."_w4"
                      ) + (
                       "t6"."_w5" * "t6"."_w5"
                      ) + (
                       "t6"."_w6" * "t6"."_w6"
                      ) + (
                       "t6"."_w7" * "t6"."_w7"
                      )
                     ) - (
                      CAST((
                       (
                        "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
                       ) * (
                        "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
                       )
                      ) AS DOUBLE PRECISION) / 8
                     )
                    ) - (
                     CAST((
                      (
                       (
                        "t6"."_w0" * -3.5
                       ) + (
                        "t6"."_w1" * -2.5
                       ) + (
                        "t6"."_w2" * -1.5
                       ) + (
                        "t6"."_w3" * -0.5
                       ) + (
                        "t6"."_w4" * 0.5
                       ) + (
                        "t6"."_w5" * 1.5
                       ) + (
                        "t6"."_w6" * 2.5
                       ) + (
                        "t6"."_w7" * 3.5
                       )
                      ) * (
                       (
                        "t6"."_w0" * -3.5
                       ) + (
                        "t6"."_w1" * -2.5
                       ) + (
                        "t6"."_w2" * -1.5
                       ) + (
                        "t6"."_w3" * -0.5
                       ) + (
                        "t6"."_w4" * 0.5
                       ) + (
                        "t6"."_w5" * 1.5
                       ) + (
                        "t6"."_w6" * 2.5
                       ) + (
                        "t6"."_w7" * 3.5
                       )
                      )
                     ) AS DOUBLE PRECISION) / 42.0
                    ),
                    1e-09
                   ) AS DOUBLE PRECISION) / 6
                  ) * 4.0
                 )
                 THEN CAST((
                  CAST((
                   (
                    "t6"."_w0" * -3.5
                   ) + (
                    "t6"."_w1" * -2.5
                   ) + (
                    "t6"."_w2" * -1.5
                   ) + (
                    "t6"."_w3" * -0.5
                   ) + (
                    "t6"."_w4" * 0.5
                   ) + (
                    "t6"."_w5" * 1.5
                   ) + (
                    "t6"."_w6" * 2.5
                   ) + (
                    "t6"."_w7" * 3.5
                   )
                  ) AS DOUBLE PRECISION) / 42.0
                 ) AS DOUBLE PRECISION) / 49.0
                 ELSE 0.0
                END * 28.0
               ) AS "rate_now",
               CASE
                WHEN (
                 CAST((
                  (
                   (
                    "t6"."_w0" * -3.5
                   ) + (
                    "t6"."_w1" * -2.5
                   ) + (
                    "t6"."_w2" * -1.5
                   ) + (
                    "t6"."_w3" * -0.5
                   ) + (
                    "t6"."_w4" * 0.5
                   ) + (
                    "t6"."_w5" * 1.5
                   ) + (
                    "t6"."_w6" * 2.5
                   ) + (
                    "t6"."_w7" * 3.5
                   )
                  ) * (
                   (
                    "t6"."_w0" * -3.5
                   ) + (
                    "t6"."_w1" * -2.5
                   ) + (
                    "t6"."_w2" * -1.5
                   ) + (
                    "t6"."_w3" * -0.5
                   ) + (
                    "t6"."_w4" * 0.5
                   ) + (
                    "t6"."_w5" * 1.5
                   ) + (
                    "t6"."_w6" * 2.5
                   ) + (
                    "t6"."_w7" * 3.5
                   )
                  )
                 ) AS DOUBLE PRECISION) / 42.0
                ) > (
                 (
                  CAST(GREATEST(
                   (
                    (
                     (
                      "t6"."_w0" * "t6"."_w0"
                     ) + (
                      "t6"."_w1" * "t6"."_w1"
                     ) + (
                      "t6"."_w2" * "t6"."_w2"
                     ) + (
                      "t6"."_w3" * "t6"."_w3"
                     ) + (
                      "t6"."_w4" * "t6"."_w4"
                     ) + (
                      "t6"."_w5" * "t6"."_w5"
                     ) + (
                      "t6"."_w6" * "t6"."_w6"
                     ) + (
                      "t6"."_w7" * "t6"."_w7"
                     )
                    ) - (
                     CAST((
                      (
                       "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
                      ) * (
                       "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
                      )
                     ) AS DOUBLE PRECISION) / 8
                    )
                   ) - (
                    CAST((
                     (
                      (
                       "t6"."_w0" * -3.5
                      ) + (
                       "t6"."_w1" * -2.5
                      ) + (
                       "t6"."_w2" * -1.5
                      ) + (
                       "t6"."_w3" * -0.5
                      ) + (
                       "t6"."_w4" * 0.5
                      ) + (
                       "t6"."_w5" * 1.5
                      ) + (
                       "t6"."_w6" * 2.5
                      ) + (
                       "t6"."_w7" * 3.5
                      )
                     ) * (
                      (
                       "t6"."_w0" * -3.5
                      ) + (
                       "t6"."_w1" * -2.5
                      ) + (
                       "t6"."_w2" * -1.5
                      ) + (
                       "t6"."_w3" * -0.5
                      ) + (
                       "t6"."_w4" * 0.5
                      ) + (
                       "t6"."_w5" * 1.5
                      ) + (
                       "t6"."_w6" * 2.5
                      ) + (
                       "t6"."_w7" * 3.5
                      )
                     )
                    ) AS DOUBLE PRECISION) / 42.0
                   ),
                   1e-09
                  ) AS DOUBLE PRECISION) / 6
                 ) * 4.0
                )
                THEN CAST((
                 CAST((
                  (
                   "t6"."_w0" * -3.5
                  ) + (
                   "t6"."_w1" * -2.5
                  ) + (
                   "t6"."_w2" * -1.5
                  ) + (
                   "t6"."_w3" * -0.5
                  ) + (
                   "t6"."_w4" * 0.5
                  ) + (
                   "t6"."_w5" * 1.5
                  ) + (
                   "t6"."_w6" * 2.5
                  ) + (
                   "t6"."_w7" * 3.5
                  )
                 ) AS DOUBLE PRECISION) / 42.0
                ) AS DOUBLE PRECISION) / 49.0
                ELSE 0.0
               END AS "slope",
               SQRT(
                CASE
                 WHEN (
                  CAST((
                   (
                    (
                     "t6"."_w0" * -3.5
                    ) + (
                     "t6"."_w1" * -2.5
                    ) + (
                     "t6"."_w2" * -1.5
                    ) + (
                     "t6"."_w3" * -0.5
                    ) + (
                     "t6"."_w4" * 0.5
                    ) + (
                     "t6"."_w5" * 1.5
                    ) + (
                     "t6"."_w6" * 2.5
                    ) + (
                     "t6"."_w7" * 3.5
                    )
                   ) * (
                    (
                     "t6"."_w0" * -3.5
                    ) + (
                     "t6"."_w1" * -2.5
                    ) + (
                     "t6"."_w2" * -1.5
                    ) + (
                     "t6"."_w3" * -0.5
                    ) + (
                     "t6"."_w4" * 0.5
                    ) + (
                     "t6"."_w5" * 1.5
                    ) + (
                     "t6"."_w6" * 2.5
                    ) + (
                     "t6"."_w7" * 3.5
                    )
                   )
                  ) AS DOUBLE PRECISION) / 42.0
                 ) > (
                  (
                   CAST(GREATEST(
                    (
                     (
                      (
                       "t6"."_w0" * "t6"."_w0"
                      ) + (
                       "t6"."_w1" * "t6"."_w1"
                      ) + (
                       "t6"."_w2" * "t6"."_w2"
                      ) + (
                       "t6"."_w3" * "t6"."_w3"
                      ) + (
                       "t6"."_w4" * "t6"."_w4"
                      ) + (
                       "t6"."_w5" * "t6"."_w5"
                      ) + (
                       "t6"."_w6" * "t6"."_w6"
                      ) + (
                       "t6"."_w7" * "t6"."_w7"
                      )
                     ) - (
                      CAST((
                       (
                        "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
                       ) * (
                        "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
                       )
                      ) AS DOUBLE PRECISION) / 8
                     )
                    ) - (
                     CAST((
                      (
                       (
                        "t6"."_w0" * -3.5
                       ) + (
                        "t6"."_w1" * -2.5
                       ) + (
                        "t6"."_w2" * -1.5
                       ) + (
                        "t6"."_w3" * -0.5
                       ) + (
                        "t6"."_w4" * 0.5
                       ) + (
                        "t6"."_w5" * 1.5
                       ) + (
                        "t6"."_w6" * 2.5
                       ) + (
                        "t6"."_w7" * 3.5
                       )
                      ) * (
                       (
                        "t6"."_w0" * -3.5
                       ) + (
                        "t6"."_w1" * -2.5
                       ) + (
                        "t6"."_w2" * -1.5
                       ) + (
                        "t6"."_w3" * -0.5
                       ) + (
                        "t6"."_w4" * 0.5
                       ) + (
                        "t6"."_w5" * 1.5
                       ) + (
                        "t6"."_w6" * 2.5
                       ) + (
                        "t6"."_w7" * 3.5
                       )
                      )
                     ) AS DOUBLE PRECISION) / 42.0
                    ),
                    1e-09
                   ) AS DOUBLE PRECISION) / 6
                  ) * 4.0
                 )
                 THEN CAST(GREATEST(
                  (
                   (
                    (
                     "t6"."_w0" * "t6"."_w0"
                    ) + (
                     "t6"."_w1" * "t6"."_w1"
                    ) + (
                     "t6"."_w2" * "t6"."_w2"
                    ) + (
                     "t6"."_w3" * "t6"."_w3"
                    ) + (
                     "t6"."_w4" * "t6"."_w4"
                    ) + (
                     "t6"."_w5" * "t6"."_w5"
                    ) + (
                     "t6"."_w6" * "t6"."_w6"
                    ) + (
                     "t6"."_w7" * "t6"."_w7"
                    )
                   ) - (
                    CAST((
                     (
                      "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
                     ) * (
                      "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
                     )
                    ) AS DOUBLE PRECISION) / 8
                   )
                  ) - (
                   CAST((
                    (
                     (
                      "t6"."_w0" * -3.5
                     ) + (
                      "t6"."_w1" * -2.5
                     ) + (
                      "t6"."_w2" * -1.5
                     ) + (
                      "t6"."_w3" * -0.5
                     ) + (
                      "t6"."_w4" * 0.5
                     ) + (
                      "t6"."_w5" * 1.5
                     ) + (
                      "t6"."_w6" * 2.5
                     ) + (
                      "t6"."_w7" * 3.5
                     )
                    ) * (
                     (
                      "t6"."_w0" * -3.5
                     ) + (
                      "t6"."_w1" * -2.5
                     ) + (
                      "t6"."_w2" * -1.5
                     ) + (
                      "t6"."_w3" * -0.5
                     ) + (
                      "t6"."_w4" * 0.5
                     ) + (
                      "t6"."_w5" * 1.5
                     ) + (
                      "t6"."_w6" * 2.5
                     ) + (
                      "t6"."_w7" * 3.5
                     )
                    )
                   ) AS DOUBLE PRECISION) / 42.0
                  ),
                  1e-09
                 ) AS DOUBLE PRECISION) / 6
                 ELSE CAST(GREATEST(
                  (
                   (
                    "t6"."_w0" * "t6"."_w0"
                   ) + (
                    "t6"."_w1" * "t6"."_w1"
                   ) + (
                    "t6"."_w2" * "t6"."_w2"
                   ) + (
                    "t6"."_w3" * "t6"."_w3"
                   ) + (
                    "t6"."_w4" * "t6"."_w4"
                   ) + (
                    "t6"."_w5" * "t6"."_w5"
                   ) + (
                    "t6"."_w6" * "t6"."_w6"
                   ) + (
                    "t6"."_w7" * "t6"."_w7"
                   )
                  ) - (
                   CAST((
                    (
                     "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
                    ) * (
                     "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
                    )
                   ) AS DOUBLE PRECISION) / 8
                  ),
                  0.0
                 ) AS DOUBLE PRECISION) / 7
                END
               ) AS "week_sd",
               CAST((
                "t6"."_w0" + "t6"."_w1" + "t6"."_w2" + "t6"."_w3" + "t6"."_w4" + "t6"."_w5" + "t6"."_w6" + "t6"."_w7"
               ) AS DOUBLE PRECISION) / 8.0 AS "week_mean"
              FROM (
               SELECT
                "t2"."account_key",
                "t2"."product_id",
                "t2"."meter_id",
                "t2"."meter_key",
                "t2"."plan_id",
                "t2"."paid_quantity",
                "t2"."aggregate",
                "t2"."meter_kind",
                "t2"."period",
                "t2"."value_meter",
                "t2"."is_advanced",
                "t2"."limit_quantity",
                "t2"."is_unlimited",
                "t2"."is_own_limit",
                "t2"."enforcement",
                "t2"."basis",
                "t2"."starts_next",
                "t2"."starts_0",
                "t2"."starts_1",
                "t2"."starts_2",
                "t2"."starts_3",
                "t2"."as_of",
                "t2"."as_of_day",
                "t2"."started_at",
                "t2"."begins_at",
                "t2"."changed_at",
                "t2"."is_paid",
                "t2"."live_subscriptions",
                "t2"."seats_used",
                "t2"."is_estimated",
                "t2"."used",
                "t2"."used_1",
                "t2"."used_2",
                "t2"."used_3",
                "t2"."week_1",
                "t2"."week_2",
                "t2"."week_3",
                "t2"."week_4",
                "t2"."week_5",
                "t2"."week_6",
                "t2"."week_7",
                "t2"."week_8",
                "t2"."level_0",
                "t2"."level_1",
                "t2"."level_2",
                "t2"."level_3",
                "t2"."level_4",
                "t2"."level_5",
                "t2"."level_6",
                "t2"."level_7",
                "t2"."level_8",
                "t2"."is_first_use",
                "t2"."utilisation",
                "t2"."adoption",
                "t2"."adopted_quantity",
                "t2"."idle",
                "t2"."overage_periods_3",
                "t2"."periods_at_90_3",
                "t2"."complete_periods",
                "t2"."peak_3",
                "t2"."plan_used_1",
                "t2"."plan_used_2",
                "t2"."plan_used_3",
                COALESCE(
                 CASE
                  WHEN "t2"."meter_kind" = 'flow'
                  THEN CAST(CASE WHEN "t2"."aggregate" IN ('sum', 'count') THEN "t2"."week_8" ELSE 0 END AS DOUBLE PRECISION)
                  ELSE CAST(COALESCE("t2"."level_7" - "t2"."level_8", 0) AS DOUBLE PRECISION)
                 END,
                 0.0
                ) AS "_w0",
                COALESCE(
                 CASE
                  WHEN "t2"."meter_kind" = 'flow'
                  THEN CAST(CASE WHEN "t2"."aggregate" IN ('sum', 'count') THEN "t2"."week_7" ELSE 0 END AS DOUBLE PRECISION)
                  ELSE CAST(COALESCE("t2"."level_6" - "t2"."level_7", 0) AS DOUBLE PRECISION)
                 END,
                 0.0
                ) AS "_w1",
                COALESCE(
                 CASE
                  WHEN "t2"."meter_kind" = 'flow'
                  THEN CAST(CASE WHEN "t2"."aggregate" IN ('sum', 'count') THEN "t2"."week_6" ELSE 0 END AS DOUBLE PRECISION)
                  ELSE CAST(COALESCE("t2"."level_5" - "t2"."level_6", 0) AS DOUBLE PRECISION)
                 END,
                 0.0
                ) AS "_w2",
                COALESCE(
                 CASE
                  WHEN "t2"."meter_kind" = 'flow'
                  THEN CAST(CASE WHEN "t2"."aggregate" IN ('sum', 'count') THEN "t2"."week_5" ELSE 0 END AS DOUBLE PRECISION)
                  ELSE CAST(COALESCE("t2"."level_4" - "t2"."level_5", 0) AS DOUBLE PRECISION)
                 END,
                 0.0
                ) AS "_w3",
                COALESCE(
                 CASE
                  WHEN "t2"."meter_kind" = 'flow'
                  THEN CAST(CASE WHEN "t2"."aggregate" IN ('sum', 'count') THEN "t2"."week_4" ELSE 0 END AS DOUBLE PRECISION)
                  ELSE CAST(COALESCE("t2"."level_3" - "t2"."level_4", 0) AS DOUBLE PRECISION)
                 END,
                 0.0
                ) AS "_w4",
                COALESCE(
                 CASE
                  WHEN "t2"."meter_kind" = 'flow'
                  THEN CAST(CASE WHEN "t2"."aggregate" IN ('sum', 'count') THEN "t2"."week_3" ELSE 0 END AS DOUBLE PRECISION)
                  ELSE CAST(COALESCE("t2"."level_2" - "t2"."level_3", 0) AS DOUBLE PRECISION)
                 END,
                 0.0
                ) AS "_w5",
                COALESCE(
                 CASE
                  WHEN "t2"."meter_kind" = 'flow'
                  THEN CAST(CASE WHEN "t2"."aggregate" IN ('sum', 'count') THEN "t2"."week_2" ELSE 0 END AS DOUBLE PRECISION)
                  ELSE CAST(COALESCE("t2"."level_1" - "t2"."level_2", 0) AS DOUBLE PRECISION)
                 END,
                 0.0
                ) AS "_w6",
                COALESCE(
                 CASE
                  WHEN "t2"."meter_kind" = 'flow'
                  THEN CAST(CASE WHEN "t2"."aggregate" IN ('sum', 'count') THEN "t2"."week_1" ELSE 0 END AS DOUBLE PRECISION)
                  ELSE CAST(COALESCE("t2"."level_0" - "t2"."level_1", 0) AS DOUBLE PRECISION)
                 END,
                 0.0
                ) AS "_w7"
               FROM "limit_state" AS "t2"
              ) AS "t6"
             ) AS "t9"
            ) AS "t10"
           ) AS "t11"
          ) AS "t12"
         ) AS "t13"
        ) AS "t14"
       ) AS "t15"
      ) AS "t16"
     ) AS "t17"
    ) AS "t18"
   ) AS "t19"
  ) AS "t20"
 ) AS "t22"
 LEFT OUTER JOIN (
  SELECT
   "t3"."account_key",
   "t3"."product_id",
   "t3"."meter_id",
   "t3"."day" AS "unused_day",
   CAST(FLOOR(CAST((
    "t5"."as_of" - "t3"."looked_at"
   ) AS DOUBLE PRECISION) / 86400.0) AS BIGINT) AS "unused_look_days"
  FROM "follow_up" AS "t3"
  CROSS JOIN (
   SELECT
    "t1"."as_of"
   FROM "today" AS "t1"
  ) AS "t5"
 ) AS "t8"
  ON "t22"."account_key" = "t8"."account_key"
  AND "t22"."product_id" = "t8"."product_id"
  AND "t22"."meter_id" = "t8"."meter_id"
) AS stage;

-- stock_reached 492e581d6c72253e
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "meter_id",
 CAST("first_reached_day" AS INT) AS "first_reached_day",
 CAST("percent" AS BIGINT) AS "percent"
FROM (
 SELECT
  *
 FROM (
  SELECT
   "t21"."account_key",
   "t21"."product_id",
   "t21"."meter_id",
   "t21"."first_reached_day",
   100 AS "percent"
  FROM (
   SELECT
    "t18"."account_key",
    "t18"."product_id",
    "t18"."meter_id",
    MIN("t18"."day") AS "first_reached_day"
   FROM (
    SELECT
     *
    FROM (
     SELECT
      "t12"."account_key",
      "t12"."meter_key",
      "t12"."day",
      "t12"."level",
      "t12"."day_until",
      "t12"."product_id",
      "t12"."meter_id",
      "t12"."limit_quantity",
      MAX("t12"."low_until") OVER (
       PARTITION BY "t12"."account_key", "t12"."product_id", "t12"."meter_id"
       ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) AS "low_until"
     FROM (
      SELECT
       "t9"."account_key",
       "t9"."meter_key",
       "t9"."day",
       "t9"."level",
       "t9"."day_until",
       "t9"."product_id",
       "t9"."meter_id",
       "t9"."limit_quantity",
       CASE
        WHEN (
         "t9"."level" * 100
        ) < (
         "t9"."limit_quantity" * 90
        )
        THEN "t9"."day_until"
        ELSE 0
       END AS "low_until"
      FROM (
       SELECT
        "t2"."account_key",
        "t2"."meter_key",
        "t2"."day",
        "t2"."level",
        "t2"."day_until",
        "t6"."product_id",
        "t6"."meter_id",
        "t6"."limit_quantity"
       FROM "levels" AS "t2"
       INNER JOIN (
        SELECT
         "t1"."account_key",
         "t1"."product_id",
         "t1"."meter_id",
         "t1"."meter_key",
         "t1"."limit_quantity"
        FROM "limit_profile" AS "t1"
        WHERE
         "t1"."meter_kind" = 'stock'
         AND "t1"."limit_quantity" > 0
         AND (
          "t1"."used" * 100
         ) >= (
          "t1"."limit_quantity" * 100
         )
       ) AS "t6"
        ON "t2"."account_key" = "t6"."account_key" AND "t2"."meter_key" = "t6"."meter_key"
      ) AS "t9"
     ) AS "t12"
    ) AS "t15"
    WHERE
     "t15"."day" >= "t15"."low_until"
     AND (
      "t15"."level" * 100
     ) >= (
      "t15"."limit_quantity" * 100
     )
   ) AS "t18"
   GROUP BY
    1,
    2,
    3
  ) AS "t21"
 ) AS "t24"
 UNION ALL
 SELECT
  *
 FROM (
  SELECT
   *
  FROM (
   SELECT
    "t22"."account_key",
    "t22"."product_id",
    "t22"."meter_id",
    "t22"."first_reached_day",
    80 AS "percent"
   FROM (
    SELECT
     "t19"."account_key",
     "t19"."product_id",
     "t19"."meter_id",
     MIN("t19"."day") AS "first_reached_day"
    FROM (
     SELECT
      *
     FROM (
      SELECT
       "t13"."account_key",
       "t13"."meter_key",
       "t13"."day",
       "t13"."level",
       "t13"."day_until",
       "t13"."product_id",
       "t13"."meter_id",
       "t13"."limit_quantity",
       MAX("t13"."low_until") OVER (
        PARTITION BY "t13"."account_key", "t13"."product_id", "t13"."meter_id"
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
       ) AS "low_until"
      FROM (
       SELECT
        "t10"."account_key",
        "t10"."meter_key",
        "t10"."day",
        "t10"."level",
        "t10"."day_until",
        "t10"."product_id",
        "t10"."meter_id",
        "t10"."limit_quantity",
        CASE
         WHEN (
          "t10"."level" * 100
         ) < (
          "t10"."limit_quantity" * 70
         )
         THEN "t10"."day_until"
         ELSE 0
        END AS "low_until"
       FROM (
        SELECT
         "t2"."account_key",
         "t2"."meter_key",
         "t2"."day",
         "t2"."level",
         "t2"."day_until",
         "t7"."product_id",
         "t7"."meter_id",
         "t7"."limit_quantity"
        FROM "levels" AS "t2"
        INNER JOIN (
         SELECT
          "t1"."account_key",
          "t1"."product_id",
          "t1"."meter_id",
          "t1"."meter_key",
          "t1"."limit_quantity"
         FROM "limit_profile" AS "t1"
         WHERE
          "t1"."meter_kind" = 'stock'
          AND "t1"."limit_quantity" > 0
          AND (
           "t1"."used" * 100
          ) >= (
           "t1"."limit_quantity" * 80
          )
        ) AS "t7"
         ON "t2"."account_key" = "t7"."account_key" AND "t2"."meter_key" = "t7"."meter_key"
       ) AS "t10"
      ) AS "t13"
     ) AS "t16"
     WHERE
      "t16"."day" >= "t16"."low_until"
      AND (
       "t16"."level" * 100
      ) >= (
       "t16"."limit_quantity" * 80
      )
    ) AS "t19"
    GROUP BY
     1,
     2,
     3
   ) AS "t22"
  ) AS "t25"
  UNION ALL
  SELECT
   *
  FROM (
   SELECT
    "t23"."account_key",
    "t23"."product_id",
    "t23"."meter_id",
    "t23"."first_reached_day",
    90 AS "percent"
   FROM (
    SELECT
     "t20"."account_key",
     "t20"."product_id",
     "t20"."meter_id",
     MIN("t20"."day") AS "first_reached_day"
    FROM (
     SELECT
      *
     FROM (
      SELECT
       "t14"."account_key",
       "t14"."meter_key",
       "t14"."day",
       "t14"."level",
       "t14"."day_until",
       "t14"."product_id",
       "t14"."meter_id",
       "t14"."limit_quantity",
       MAX("t14"."low_until") OVER (
        PARTITION BY "t14"."account_key", "t14"."product_id", "t14"."meter_id"
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
       ) AS "low_until"
      FROM (
       SELECT
        "t11"."account_key",
        "t11"."meter_key",
        "t11"."day",
        "t11"."level",
        "t11"."day_until",
        "t11"."product_id",
        "t11"."meter_id",
        "t11"."limit_quantity",
        CASE
         WHEN (
          "t11"."level" * 100
         ) < (
          "t11"."limit_quantity" * 80
         )
         THEN "t11"."day_until"
         ELSE 0
        END AS "low_until"
       FROM (
        SELECT
         "t2"."account_key",
         "t2"."meter_key",
         "t2"."day",
         "t2"."level",
         "t2"."day_until",
         "t8"."product_id",
         "t8"."meter_id",
         "t8"."limit_quantity"
        FROM "levels" AS "t2"
        INNER JOIN (
         SELECT
          "t1"."account_key",
          "t1"."product_id",
          "t1"."meter_id",
          "t1"."meter_key",
          "t1"."limit_quantity"
         FROM "limit_profile" AS "t1"
         WHERE
          "t1"."meter_kind" = 'stock'
          AND "t1"."limit_quantity" > 0
          AND (
           "t1"."used" * 100
          ) >= (
           "t1"."limit_quantity" * 90
          )
        ) AS "t8"
         ON "t2"."account_key" = "t8"."account_key" AND "t2"."meter_key" = "t8"."meter_key"
       ) AS "t11"
      ) AS "t14"
     ) AS "t17"
     WHERE
      "t17"."day" >= "t17"."low_until"
      AND (
       "t17"."level" * 100
      ) >= (
       "t17"."limit_quantity" * 90
      )
    ) AS "t20"
    GROUP BY
     1,
     2,
     3
   ) AS "t23"
  ) AS "t26"
 ) AS "t27"
) AS stage;

-- first_value cbca4361dcdc62f2
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 CAST("first_value_at_least" AS BIGINT) AS "first_value_at_least",
 "first_value_moment",
 CAST("first_value_used" AS BIGINT) AS "first_value_used",
 "first_value_reached"
FROM (
 SELECT
  "t7"."account_key",
  "t7"."product_id",
  "t15"."first_value_at_least",
  "t15"."first_value_moment",
  CASE
   WHEN "t15"."first_value_meter_key" IS NOT NULL
   THEN COALESCE("t17"."first_value_used", 0)
   ELSE CAST(NULL AS BIGINT)
  END AS "first_value_used",
  CASE
   WHEN "t14"."completed_at" IS NOT NULL
   THEN TRUE
   WHEN NOT (
    COALESCE("t15"."has_first_value_rule", FALSE)
   )
   THEN CAST(NULL AS BOOLEAN)
   WHEN "t15"."first_value_meter_key" IS NOT NULL
   THEN COALESCE("t17"."first_value_used", 0) >= "t15"."first_value_at_least"
   ELSE CASE
    WHEN "t24"."seen_at" IS NOT NULL
    THEN TRUE
    ELSE CASE WHEN "t18"."has_moment" THEN FALSE ELSE CAST(NULL AS BOOLEAN) END
   END
  END AS "first_value_reached"
 FROM "has" AS "t7"
 LEFT OUTER JOIN (
  SELECT
   "t1"."account_key",
   "t1"."product_id",
   "t1"."completed_at"
  FROM "bought" AS "t1"
 ) AS "t14"
  ON "t7"."account_key" = "t14"."account_key"
  AND "t7"."product_id" = "t14"."product_id"
 LEFT OUTER JOIN (
  SELECT
   "t2"."product_id",
   "t2"."has_first_value_rule",
   "t2"."first_value_meter_key",
   "t2"."first_value_at_least",
   "t2"."first_value_moment"
  FROM "catalog_product" AS "t2"
 ) AS "t15"
  ON "t7"."product_id" = "t15"."product_id"
 LEFT OUTER JOIN (
  SELECT
   "t3"."account_key",
   "t3"."meter_key" AS "first_value_meter_key",
   "t3"."lifetime" AS "first_value_used"
  FROM "lifetime" AS "t3"
 ) AS "t17"
  ON "t7"."account_key" = "t17"."account_key"
  AND "t15"."first_value_meter_key" = "t17"."first_value_meter_key"
 LEFT OUTER JOIN (
  SELECT
   "t22"."account_key",
   "t22"."product_id",
   MIN("t22"."occurred_at") AS "seen_at"
  FROM (
   SELECT
    *
   FROM (
    SELECT
     "t8"."moment_id",
     "t8"."account_key",
     "t8"."kind",
     "t8"."occurred_at",
     "t8"."contact_id",
     "t8"."subject_id",
     "t8"."detail",
     "t8"."source",
     "t19"."as_of",
     "t20"."product_id"
    FROM "moment" AS "t8"
    CROSS JOIN (
     SELECT
      "t6"."as_of"
     FROM "today" AS "t6"
    ) AS "t19"
    INNER JOIN (
     SELECT
      "t2"."product_id",
      "t2"."first_value_moment" AS "kind"
     FROM "catalog_product" AS "t2"
     WHERE
      "t2"."first_value_moment" IS NOT NULL
    ) AS "t20"
     ON "t8"."kind" = "t20"."kind"
   ) AS "t21"
   WHERE
    "t21"."occurred_at" <= "t21"."as_of"
    AND (
     (
      "t21"."subject_id" IS NULL
     ) OR (
      "t21"."subject_id" = "t21"."product_id"
     )
    )
  ) AS "t22"
  GROUP BY
   1,
   2
 ) AS "t24"
  ON "t7"."account_key" = "t24"."account_key"
  AND "t7"."product_id" = "t24"."product_id"
 CROSS JOIN (
  SELECT
   "t4"."has_moment"
  FROM "known" AS "t4"
 ) AS "t18"
) AS stage;

-- account_profile 231d9c483dcaff47
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "account_id",
 "name",
 CAST("created_at" AS BIGINT) AS "created_at",
 "parent_account_id",
 "owner_id",
 "segment",
 "industry",
 "country",
 "account_currency",
 "time_zone",
 CAST("employees" AS BIGINT) AS "employees",
 CAST("do_not_sell_until" AS BIGINT) AS "do_not_sell_until",
 "do_not_sell_why",
 CAST("live_products" AS BIGINT) AS "live_products",
 CAST("mrr_units" AS BIGINT) AS "mrr_units",
 CAST("cancel_at" AS BIGINT) AS "cancel_at",
 "pending_downgrade",
 "is_past_due",
 "is_only_trial",
 CAST("renews_at" AS BIGINT) AS "renews_at",
 CAST("long_renews_at" AS BIGINT) AS "long_renews_at",
 CAST("term_days" AS INT) AS "term_days",
 CAST("downgraded_at" AS BIGINT) AS "downgraded_at",
 CAST("customer_since" AS BIGINT) AS "customer_since",
 CAST("renewal_days" AS BIGINT) AS "renewal_days",
 CAST("long_renewal_days" AS BIGINT) AS "long_renewal_days",
 CAST("tenure_days" AS BIGINT) AS "tenure_days",
 CAST("troubled_invoices" AS BIGINT) AS "troubled_invoices",
 "troubled_invoice_id",
 CAST("open_invoices" AS BIGINT) AS "open_invoices",
 CAST("failed_at" AS BIGINT) AS "failed_at",
 CAST("open_problems" AS BIGINT) AS "open_problems",
 CAST("weighing_problems" AS BIGINT) AS "weighing_problems",
 "weighing_ticket_id",
 "oldest_problem_days",
 CAST("feature_requests_90d" AS BIGINT) AS "feature_requests_90d",
 "requested_ticket_id",
 CAST("questions_90d" AS BIGINT) AS "questions_90d",
 CAST("questions_prev_90d" AS BIGINT) AS "questions_prev_90d",
 CAST("strategic_moments_180d" AS BIGINT) AS "strategic_moments_180d",
 CAST("proofs_365d" AS BIGINT) AS "proofs_365d",
 CAST("gate_hits_28d" AS BIGINT) AS "gate_hits_28d",
 CAST("pricing_views_28d" AS BIGINT) AS "pricing_views_28d",
 CAST("renewal_risks_90d" AS BIGINT) AS "renewal_risks_90d",
 CAST("customer_growth_180d" AS BIGINT) AS "customer_growth_180d",
 CAST("new_places_180d" AS BIGINT) AS "new_places_180d",
 CAST("funding_365d" AS BIGINT) AS "funding_365d",
 "at_checkout",
 CAST("onboarded_at" AS BIGINT) AS "onboarded_at",
 CAST("first_value_at" AS BIGINT) AS "first_value_at",
 "renewal_risk_id",
 "nps_score",
 "nps_feedback_id",
 CAST("outcomes_met" AS BIGINT) AS "outcomes_met",
 CAST("outcomes_missed" AS BIGINT) AS "outcomes_missed",
 "met_outcome_id",
 CAST("open_deals" AS BIGINT) AS "open_deals",
 "open_deal_id",
 CAST("contacts_now" AS BIGINT) AS "contacts_now",
 CAST("new_users_28d" AS BIGINT) AS "new_users_28d",
 CAST("new_users_prev_28d" AS BIGINT) AS "new_users_prev_28d",
 CAST("limits_saturated" AS BIGINT) AS "limits_saturated",
 CAST("limits_rising" AS BIGINT) AS "limits_rising",
 "utilisation_max",
 CAST("use_cases_28d" AS BIGINT) AS "use_cases_28d",
 CAST("milestones_28d" AS BIGINT) AS "milestones_28d",
 CAST("values_reached" AS BIGINT) AS "values_reached",
 CAST("values_missing" AS BIGINT) AS "values_missing",
 CAST("purchases_365d" AS BIGINT) AS "purchases_365d",
 "has_owner",
 CAST("as_of" AS BIGINT) AS "as_of",
 "journey_stage",
 CAST("size_signs" AS BIGINT) AS "size_signs",
 CAST("onboarded_days" AS BIGINT) AS "onboarded_days",
 "in_annual_review",
 "has_usage_signal",
 "has_outcome_signal",
 "has_strategic_signal",
 "has_intent_signal",
 CAST("signal_density" AS BIGINT) AS "signal_density",
 "in_renewal_window",
 "do_not_sell"
FROM (
 WITH "t27" AS (
  SELECT
   "t0"."as_of"
  FROM "today" AS "t0"
 )
 SELECT
  "t100"."account_key",
  "t100"."account_id",
  "t100"."name",
  "t100"."created_at",
  "t100"."parent_account_id",
  "t100"."owner_id",
  "t100"."segment",
  "t100"."industry",
  "t100"."country",
  "t100"."account_currency",
  "t100"."time_zone",
  "t100"."employees",
  "t100"."do_not_sell_until",
  "t100"."do_not_sell_why",
  "t100"."live_products",
  "t100"."mrr_units",
  "t100"."cancel_at",
  COALESCE("t100"."pending_downgrade", FALSE) AS "pending_downgrade",
  COALESCE("t100"."is_past_due", FALSE) AS "is_past_due",
  COALESCE("t100"."is_only_trial", FALSE) AS "is_only_trial",
  "t100"."renews_at",
  "t100"."long_renews_at",
  "t100"."term_days",
  "t100"."downgraded_at",
  "t100"."customer_since",
  "t100"."renewal_days",
  "t100"."long_renewal_days",
  "t100"."tenure_days",
  "t100"."troubled_invoices",
  "t100"."troubled_invoice_id",
  "t100"."open_invoices",
  "t100"."failed_at",
  "t100"."open_problems",
  "t100"."weighing_problems",
  "t100"."weighing_ticket_id",
  "t100"."oldest_problem_days",
  "t100"."feature_requests_90d",
  "t100"."requested_ticket_id",
  "t100"."questions_90d",
  "t100"."questions_prev_90d",
  "t100"."strategic_moments_180d",
  "t100"."proofs_365d",
  "t100"."gate_hits_28d",
  "t100"."pricing_views_28d",
  "t100"."renewal_risks_90d",
  "t100"."customer_growth_180d",
  "t100"."new_places_180d",
  "t100"."funding_365d",
  COALESCE("t100"."at_checkout", FALSE) AS "at_checkout",
  "t100"."onboarded_at",
  "t100"."first_value_at",
  "t100"."renewal_risk_id",
  "t100"."nps_score",
  "t100"."nps_feedback_id",
  "t100"."outcomes_met",
  "t100"."outcomes_missed",
  "t100"."met_outcome_id",
  "t100"."open_deals",
  "t100"."open_deal_id",
  "t100"."contacts_now",
  "t100"."new_users_28d",
  "t100"."new_users_prev_28d",
  "t100"."limits_saturated",
  "t100"."limits_rising",
  "t100"."utilisation_max",
  "t100"."use_cases_28d",
  "t100"."milestones_28d",
  "t100"."values_reached",
  "t100"."values_missing",
  "t100"."purchases_365d",
  COALESCE("t100"."has_owner", FALSE) AS "has_owner",
  "t100"."as_of",
  CASE
   WHEN "t100"."live_products" = 0
   THEN CAST(NULL AS VARCHAR)
   WHEN (
    "t100"."cancel_at" IS NOT NULL
   )
   OR COALESCE("t100"."pending_downgrade", FALSE)
   THEN 'leaving'
   WHEN (
    "t100"."renewal_risks_90d" > 0
   )
   OR COALESCE("t100"."nps_score" <= 6, FALSE)
   OR COALESCE("t100"."is_past_due", FALSE)
   THEN 'at_risk'
   WHEN COALESCE("t100"."long_renewal_days" <= 90, FALSE)
   THEN 'renewing'
   WHEN COALESCE("t100"."is_only_trial", FALSE)
   THEN 'trial'
   WHEN (
    "t100"."values_reached" = 0
   )
   AND (
    (
     "t100"."values_missing" > 0
    )
    OR (
     COALESCE("t100"."tenure_days" < 30, TRUE) AND (
      "t100"."values_missing" = 0
     )
    )
   )
   THEN 'onboarding'
   WHEN "t100"."limits_saturated" > 0
   THEN 'saturated'
   WHEN (
    "t100"."limits_rising" > 0
   ) OR (
    "t100"."new_users_28d" >= 3
   )
   THEN 'growing'
   ELSE 'activated'
  END AS "journey_stage",
  CASE WHEN COALESCE("t100"."employees" >= 1000, FALSE) THEN 1 ELSE 0 END + CASE WHEN "t100"."funding_365d" > 0 THEN 1 ELSE 0 END + CASE WHEN "t100"."new_places_180d" > 0 THEN 1 ELSE 0 END + CASE WHEN "t100"."use_cases_28d" >= 3 THEN 1 ELSE 0 END AS "size_signs",
  CAST(FLOOR(CAST((
   "t100"."as_of" - "t100"."onboarded_at"
  ) AS DOUBLE PRECISION) / 86400.0) AS BIGINT) AS "onboarded_days",
  COALESCE(
   (
    "t100"."tenure_days" >= 365
   ) AND (
    (
     "t100"."tenure_days" % 365
    ) < 30
   ),
   FALSE
  ) AS "in_annual_review",
  (
   "t100"."limits_saturated" > 0
  )
  OR (
   "t100"."limits_rising" > 0
  )
  OR (
   "t100"."new_users_28d" >= 3
  ) AS "has_usage_signal",
  (
   "t100"."outcomes_met" > 0
  ) OR (
   "t100"."proofs_365d" > 0
  ) AS "has_outcome_signal",
  "t100"."strategic_moments_180d" > 0 AS "has_strategic_signal",
  (
   "t100"."feature_requests_90d" > 0
  )
  OR (
   "t100"."gate_hits_28d" > 0
  )
  OR (
   "t100"."pricing_views_28d" > 0
  ) AS "has_intent_signal",
  CASE
   WHEN (
    "t100"."limits_saturated" > 0
   )
   OR (
    "t100"."limits_rising" > 0
   )
   OR (
    "t100"."new_users_28d" >= 3
   )
   THEN 1
   ELSE 0
  END + CASE
   WHEN (
    "t100"."outcomes_met" > 0
   ) OR (
    "t100"."proofs_365d" > 0
   )
   THEN 1
   ELSE 0
  END + CASE WHEN "t100"."strategic_moments_180d" > 0 THEN 1 ELSE 0 END + CASE
   WHEN (
    "t100"."feature_requests_90d" > 0
   )
   OR (
    "t100"."gate_hits_28d" > 0
   )
   OR (
    "t100"."pricing_views_28d" > 0
   )
   THEN 1
   ELSE 0
  END AS "signal_density",
  COALESCE("t100"."long_renewal_days" <= 90, FALSE) AS "in_renewal_window",
  (
   (
    "t100"."do_not_sell_why" IS NOT NULL
   )
   OR (
    "t100"."do_not_sell_until" IS NOT NULL
   )
  )
  AND (
   (
    "t100"."do_not_sell_until" IS NULL
   )
   OR (
    "t100"."do_not_sell_until" > "t100"."as_of"
   )
  ) AS "do_not_sell"
 FROM (
  SELECT
   "t99"."account_key",
   "t99"."account_id",
   "t99"."name",
   "t99"."created_at",
   "t99"."parent_account_id",
   "t99"."owner_id",
   "t99"."segment",
   "t99"."industry",
   "t99"."country",
   "t99"."account_currency",
   "t99"."time_zone",
   "t99"."employees",
   "t99"."do_not_sell_until",
   "t99"."do_not_sell_why",
   "t99"."live_products",
   "t99"."mrr_units",
   "t99"."cancel_at",
   "t99"."pending_downgrade",
   "t99"."is_past_due",
   "t99"."is_only_trial",
   "t99"."renews_at",
   "t99"."long_renews_at",
   "t99"."term_days",
   "t99"."downgraded_at",
   "t99"."customer_since",
   "t99"."renewal_days",
   "t99"."long_renewal_days",
   "t99"."tenure_days",
   "t99"."troubled_invoices",
   "t99"."troubled_invoice_id",
   "t99"."open_invoices",
   "t99"."failed_at",
   "t99"."open_problems",
   "t99"."weighing_problems",
   "t99"."weighing_ticket_id",
   "t99"."oldest_problem_days",
   "t99"."feature_requests_90d",
   "t99"."requested_ticket_id",
   "t99"."questions_90d",
   "t99"."questions_prev_90d",
   "t99"."strategic_moments_180d",
   "t99"."proofs_365d",
   "t99"."gate_hits_28d",
   "t99"."pricing_views_28d",
   "t99"."renewal_risks_90d",
   "t99"."customer_growth_180d",
   "t99"."new_places_180d",
   "t99"."funding_365d",
   "t99"."at_checkout",
   "t99"."onboarded_at",
   "t99"."first_value_at",
   "t99"."renewal_risk_id",
   "t99"."nps_score",
   "t99"."nps_feedback_id",
   "t99"."outcomes_met",
   "t99"."outcomes_missed",
   "t99"."met_outcome_id",
   "t99"."open_deals",
   "t99"."open_deal_id",
   "t99"."contacts_now",
   "t99"."new_users_28d",
   "t99"."new_users_prev_28d",
   "t99"."limits_saturated",
   "t99"."limits_rising",
   "t99"."utilisation_max",
   "t99"."use_cases_28d",
   "t99"."milestones_28d",
   "t99"."values_reached",
   "t99"."values_missing",
   "t99"."purchases_365d",
   "t99"."has_owner",
   "t44"."as_of"
  FROM (
   SELECT
    "t97"."account_key",
    "t97"."account_id",
    "t97"."name",
    "t97"."created_at",
    "t97"."parent_account_id",
    "t97"."owner_id",
    "t97"."segment",
    "t97"."industry",
    "t97"."country",
    "t97"."account_currency",
    "t97"."time_zone",
    "t97"."employees",
    "t97"."do_not_sell_until",
    "t97"."do_not_sell_why",
    COALESCE("t97"."live_products", 0) AS "live_products",
    COALESCE("t97"."mrr_units", 0) AS "mrr_units",
    "t97"."cancel_at",
    "t97"."pending_downgrade",
    "t97"."is_past_due",
    "t97"."is_only_trial",
    "t97"."renews_at",
    "t97"."long_renews_at",
    "t97"."term_days",
    "t97"."downgraded_at",
    "t97"."customer_since",
    "t97"."renewal_days",
    "t97"."long_renewal_days",
    "t97"."tenure_days",
    COALESCE("t97"."troubled_invoices", 0) AS "troubled_invoices",
    "t97"."troubled_invoice_id",
    COALESCE("t97"."open_invoices", 0) AS "open_invoices",
    "t97"."failed_at",
    COALESCE("t97"."open_problems", 0) AS "open_problems",
    COALESCE("t97"."weighing_problems", 0) AS "weighing_problems",
    "t97"."weighing_ticket_id",
    "t97"."oldest_problem_days",
    COALESCE("t97"."feature_requests_90d", 0) AS "feature_requests_90d",
    "t97"."requested_ticket_id",
    COALESCE("t97"."questions_90d", 0) AS "questions_90d",
    COALESCE("t97"."questions_prev_90d", 0) AS "questions_prev_90d",
    COALESCE("t97"."strategic_moments_180d", 0) AS "strategic_moments_180d",
    COALESCE("t97"."proofs_365d", 0) AS "proofs_365d",
    COALESCE("t97"."gate_hits_28d", 0) AS "gate_hits_28d",
    COALESCE("t97"."pricing_views_28d", 0) AS "pricing_views_28d",
    COALESCE("t97"."renewal_risks_90d", 0) AS "renewal_risks_90d",
    COALESCE("t97"."customer_growth_180d", 0) AS "customer_growth_180d",
    COALESCE("t97"."new_places_180d", 0) AS "new_places_180d",
    COALESCE("t97"."funding_365d", 0) AS "funding_365d",
    "t97"."at_checkout",
    "t97"."onboarded_at",
    "t97"."first_value_at",
    "t97"."renewal_risk_id",
    "t97"."nps_score",
    "t97"."nps_feedback_id",
    COALESCE("t97"."outcomes_met", 0) AS "outcomes_met",
    COALESCE("t97"."outcomes_missed", 0) AS "outcomes_missed",
    "t97"."met_outcome_id",
    COALESCE("t97"."open_deals", 0) AS "open_deals",
    "t97"."open_deal_id",
    COALESCE("t97"."contacts_now", 0) AS "contacts_now",
    COALESCE("t97"."new_users_28d", 0) AS "new_users_28d",
    COALESCE("t97"."new_users_prev_28d", 0) AS "new_users_prev_28d",
    COALESCE("t97"."limits_saturated", 0) AS "limits_saturated",
    COALESCE("t97"."limits_rising", 0) AS "limits_rising",
    "t97"."utilisation_max",
    COALESCE("t97"."use_cases_28d", 0) AS "use_cases_28d",
    COALESCE("t97"."milestones_28d", 0) AS "milestones_28d",
    COALESCE("t97"."values_reached", 0) AS "values_reached",
    COALESCE("t97"."values_missing", 0) AS "values_missing",
    COALESCE("t97"."purchases_365d", 0) AS "purchases_365d",
    "t97"."has_owner"
   FROM (
    SELECT
     "t35"."account_key",
     "t35"."account_id",
     "t35"."name",
     "t35"."created_at",
     "t35"."parent_account_id",
     "t35"."owner_id",
     "t35"."segment",
     "t35"."industry",
     "t35"."country",
     "t35"."account_currency",
     "t35"."time_zone",
     "t35"."employees",
     "t35"."do_not_sell_until",
     "t35"."do_not_sell_why",
     "t96"."live_products",
     "t96"."mrr_units",
     "t96"."cancel_at",
     "t96"."pending_downgrade",
     "t96"."is_past_due",
     "t96"."is_only_trial",
     "t96"."renews_at",
     "t96"."long_renews_at",
     "t96"."term_days",
     "t96"."downgraded_at",
     "t96"."customer_since",
     "t96"."renewal_days",
     "t96"."long_renewal_days",
     "t96"."tenure_days",
     "t83"."troubled_invoices",
     "t83"."troubled_invoice_id",
     "t83"."open_invoices",
     "t83"."failed_at",
     "t84"."open_problems",
     "t84"."weighing_problems",
     "t84"."weighing_ticket_id",
     "t84"."oldest_problem_days",
     "t84"."feature_requests_90d",
     "t84"."requested_ticket_id",
     "t84"."questions_90d",
     "t84"."questions_prev_90d",
     "t89"."strategic_moments_180d",
     "t89"."proofs_365d",
     "t89"."gate_hits_28d",
     "t89"."pricing_views_28d",
     "t89"."renewal_risks_90d",
     "t89"."customer_growth_180d",
     "t89"."new_places_180d",
     "t89"."funding_365d",
     "t89"."at_checkout",
     "t89"."onboarded_at",
     "t89"."first_value_at",
     "t89"."renewal_risk_id",
     "t87"."nps_score",
     "t87"."nps_feedback_id",
     "t93"."outcomes_met",
     "t93"."outcomes_missed",
     "t93"."met_outcome_id",
     "t75"."open_deals",
     "t75"."open_deal_id",
     "t90"."contacts_now",
     "t90"."new_users_28d",
     "t90"."new_users_prev_28d",
     "t61"."limits_saturated",
     "t61"."limits_rising",
     "t61"."utilisation_max",
     "t74"."use_cases_28d",
     "t46"."milestones_28d",
     "t58"."values_reached",
     "t58"."values_missing",
     "t47"."purchases_365d",
     "t38"."has_owner"
    FROM (
     SELECT
      "t1"."account_key",
      "t1"."account_id",
      "t1"."name",
      "t1"."created_at",
      "t1"."parent_account_id",
      "t1"."owner_id",
      "t1"."segment",
      "t1"."industry",
      "t1"."country",
      "t1"."currency" AS "account_currency",
      "t1"."time_zone",
      "t1"."employees",
      "t1"."do_not_sell_until",
      "t1"."do_not_sell_why"
     FROM "account" AS "t1"
    ) AS "t35"
    LEFT OUTER JOIN (
     SELECT
      "t94"."account_key",
      "t94"."live_products",
      "t94"."mrr_units",
      "t94"."cancel_at",
      "t94"."pending_downgrade",
      "t94"."is_past_due",
      "t94"."is_only_trial",
      "t94"."renews_at",
      "t94"."long_renews_at",
      "t94"."term_days",
      "t94"."downgraded_at",
      "t94"."customer_since",
      "t94"."renewal_days",
      "t94"."long_renewal_days",
      "t94"."tenure_days"
     FROM (
      SELECT
       "t91"."account_key",
       "t91"."live_products",
       "t91"."mrr_units",
       "t91"."cancel_at",
       "t91"."pending_downgrade",
       "t91"."is_past_due",
       "t91"."is_only_trial",
       "t91"."renews_at",
       "t91"."long_renews_at",
       "t91"."term_days",
       "t91"."downgraded_at",
       "t91"."customer_since",
       "t91"."as_of",
       CASE
        WHEN (
         CAST((
          "t91"."renews_at" - "t91"."as_of"
         ) AS DOUBLE PRECISION) / 86400.0
        ) >= 0
        THEN CAST(FLOOR(CAST((
         "t91"."renews_at" - "t91"."as_of"
        ) AS DOUBLE PRECISION) / 86400.0) AS BIGINT)
        ELSE CAST(NULL AS BIGINT)
       END AS "renewal_days",
       CASE
        WHEN (
         CAST((
          "t91"."long_renews_at" - "t91"."as_of"
         ) AS DOUBLE PRECISION) / 86400.0
        ) >= 0
        THEN CAST(FLOOR(CAST((
         "t91"."long_renews_at" - "t91"."as_of"
        ) AS DOUBLE PRECISION) / 86400.0) AS BIGINT)
        ELSE CAST(NULL AS BIGINT)
       END AS "long_renewal_days",
       CAST(FLOOR(CAST((
        "t91"."as_of" - "t91"."customer_since"
       ) AS DOUBLE PRECISION) / 86400.0) AS BIGINT) AS "tenure_days"
      FROM (
       SELECT
        "t82"."account_key",
        "t82"."live_products",
        "t82"."mrr_units",
        "t82"."cancel_at",
        "t82"."pending_downgrade",
        "t82"."is_past_due",
        "t82"."is_only_trial",
        "t82"."renews_at",
        "t82"."long_renews_at",
        "t82"."term_days",
        "t48"."downgraded_at",
        "t48"."customer_since",
        "t45"."as_of"
       FROM (
        SELECT
         "t68"."account_key",
         COUNT(DISTINCT "t68"."product_id") AS "live_products",
         SUM("t68"."units") AS "mrr_units",
         MIN("t68"."cancel_at") AS "cancel_at",
         BOOL_OR("t68"."lower") AS "pending_downgrade",
         BOOL_OR("t68"."late") AS "is_past_due",
         NOT (
          BOOL_OR("t68"."status" <> 'trialing')
         ) AS "is_only_trial",
         MIN("t68"."renews_at") AS "renews_at",
         MIN("t68"."long_renewal") AS "long_renews_at",
         MAX("t68"."term_days") AS "term_days"
        FROM (
         SELECT
          "t60"."account_key",
          "t60"."item_id",
          "t60"."subscription_id",
          "t60"."product_id",
          "t60"."plan_id",
          "t60"."add_on_id",
          "t60"."price_id",
          "t60"."quantity",
          "t60"."amount_minor",
          "t60"."list_amount_minor",
          "t60"."currency",
          "t60"."interval",
          "t60"."interval_count",
          "t60"."status",
          "t60"."valid_from",
          "t60"."valid_to",
          "t60"."period_start",
          "t60"."auto_renew",
          "t60"."cancel_at",
          "t60"."pending_plan_id",
          "t60"."collection",
          "t60"."renews_at",
          "t60"."term_months",
          "t60"."term_days",
          "t60"."is_live",
          "t60"."units",
          "t60"."is_paid",
          "t60"."position_now",
          "t60"."position_later",
          COALESCE("t60"."position_later" < "t60"."position_now", FALSE) AS "lower",
          "t60"."status" IN ('past_due', 'unpaid') AS "late",
          CASE
           WHEN "t60"."term_days" >= 180
           THEN "t60"."renews_at"
           ELSE CAST(NULL AS BIGINT)
          END AS "long_renewal"
         FROM (
          SELECT
           "t41"."account_key",
           "t41"."item_id",
           "t41"."subscription_id",
           "t41"."product_id",
           "t41"."plan_id",
           "t41"."add_on_id",
           "t41"."price_id",
           "t41"."quantity",
           "t41"."amount_minor",
           "t41"."list_amount_minor",
           "t41"."currency",
           "t41"."interval",
           "t41"."interval_count",
           "t41"."status",
           "t41"."valid_from",
           "t41"."valid_to",
           "t41"."period_start",
           "t41"."auto_renew",
           "t41"."cancel_at",
           "t41"."pending_plan_id",
           "t41"."collection",
           "t41"."renews_at",
           "t41"."term_months",
           "t41"."term_days",
           "t41"."is_live",
           "t41"."units",
           "t41"."is_paid",
           "t42"."position_now",
           "t43"."position_later"
          FROM (
           SELECT
            *
           FROM "items" AS "t17"
           WHERE
            "t17"."is_live"
          ) AS "t41"
          LEFT OUTER JOIN (
           SELECT
            "t18"."plan_id",
            "t18"."position" AS "position_now"
           FROM "catalog_plan" AS "t18"
          ) AS "t42"
           ON "t41"."plan_id" = "t42"."plan_id"
          LEFT OUTER JOIN (
           SELECT
            "t18"."plan_id" AS "pending_plan_id",
            "t18"."position" AS "position_later"
           FROM "catalog_plan" AS "t18"
          ) AS "t43"
           ON "t41"."pending_plan_id" = "t43"."pending_plan_id"
         ) AS "t60"
        ) AS "t68"
        GROUP BY
         1
       ) AS "t82"
       LEFT OUTER JOIN (
        SELECT
         "t14"."account_key",
         MAX("t14"."downgraded_at") AS "downgraded_at",
         MIN("t14"."first_paid_at") AS "customer_since"
        FROM "history" AS "t14"
        GROUP BY
         1
       ) AS "t48"
        ON "t82"."account_key" = "t48"."account_key"
       CROSS JOIN "t27" AS "t45"
      ) AS "t91"
     ) AS "t94"
    ) AS "t96"
     ON "t35"."account_key" = "t96"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t69"."account_key",
      SUM(CASE WHEN "t69"."troubled" THEN 1 ELSE 0 END) AS "troubled_invoices",
      MIN(
       CASE WHEN "t69"."troubled" THEN "t69"."invoice_id" ELSE CAST(NULL AS VARCHAR) END
      ) AS "troubled_invoice_id",
      COUNT("t69"."invoice_id") AS "open_invoices",
      MAX("t69"."last_failure_at") AS "failed_at"
     FROM (
      SELECT
       "t49"."invoice_id",
       "t49"."account_key",
       "t49"."issued_at",
       "t49"."due_at",
       "t49"."paid_at",
       "t49"."amount_due_minor",
       "t49"."currency",
       "t49"."status",
       "t49"."last_failure_at",
       "t49"."as_of",
       (
        (
         COALESCE("t49"."due_at", "t49"."issued_at" + 2592000) + 259200
        ) < "t49"."as_of"
       )
       OR COALESCE("t49"."last_failure_at" <= "t49"."as_of", FALSE) AS "troubled"
      FROM (
       SELECT
        "t19"."invoice_id",
        "t19"."account_key",
        "t19"."issued_at",
        "t19"."due_at",
        "t19"."paid_at",
        "t19"."amount_due_minor",
        "t19"."currency",
        "t19"."status",
        "t19"."last_failure_at",
        "t44"."as_of"
       FROM "invoice" AS "t19"
       CROSS JOIN "t27" AS "t44"
      ) AS "t49"
      WHERE
       "t49"."issued_at" <= "t49"."as_of"
       AND NOT (
        "t49"."status" IN ('void', 'draft')
       )
       AND NOT (
        (
         (
          "t49"."status" = 'paid'
         ) AND (
          "t49"."paid_at" IS NULL
         )
        )
        OR COALESCE("t49"."paid_at" <= "t49"."as_of", FALSE)
       )
       AND "t49"."amount_due_minor" > 0
     ) AS "t69"
     GROUP BY
      1
    ) AS "t83"
     ON "t35"."account_key" = "t83"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t70"."account_key",
      SUM(CASE WHEN "t70"."is_problem" THEN 1 ELSE 0 END) AS "open_problems",
      SUM(CASE WHEN "t70"."weighs" THEN 1 ELSE 0 END) AS "weighing_problems",
      MIN(CASE WHEN "t70"."weighs" THEN "t70"."ticket_id" ELSE CAST(NULL AS VARCHAR) END) AS "weighing_ticket_id",
      MAX(
       CASE
        WHEN "t70"."is_problem"
        THEN "t70"."age"
        ELSE CAST(NULL AS DOUBLE PRECISION)
       END
      ) AS "oldest_problem_days",
      SUM(CASE WHEN "t70"."asked" THEN 1 ELSE 0 END) AS "feature_requests_90d",
      MIN(CASE WHEN "t70"."asked" THEN "t70"."ticket_id" ELSE CAST(NULL AS VARCHAR) END) AS "requested_ticket_id",
      SUM(CASE WHEN "t70"."wonders" THEN 1 ELSE 0 END) AS "questions_90d",
      SUM(CASE WHEN "t70"."wondered" THEN 1 ELSE 0 END) AS "questions_prev_90d"
     FROM (
      SELECT
       "t50"."ticket_id",
       "t50"."account_key",
       "t50"."opened_at",
       "t50"."closed_at",
       "t50"."kind",
       "t50"."severity",
       "t50"."escalated",
       "t50"."feature_id",
       "t50"."contact_id",
       "t50"."as_of",
       (
        (
         "t50"."closed_at" IS NULL
        ) OR (
         "t50"."closed_at" > "t50"."as_of"
        )
       )
       AND (
        COALESCE("t50"."kind", 'problem') = 'problem'
       ) AS "is_problem",
       (
        (
         "t50"."closed_at" IS NULL
        ) OR (
         "t50"."closed_at" > "t50"."as_of"
        )
       )
       AND (
        COALESCE("t50"."kind", 'problem') = 'problem'
       )
       AND (
        COALESCE("t50"."severity" IN ('urgent', 'high'), FALSE)
        OR COALESCE("t50"."escalated", FALSE)
        OR (
         (
          CAST((
           "t50"."as_of" - "t50"."opened_at"
          ) AS DOUBLE PRECISION) / 86400.0
         ) > 5
        )
       ) AS "weighs",
       (
        COALESCE("t50"."kind", 'problem') = 'feature_request'
       )
       AND (
        (
         "t50"."closed_at" IS NULL
        )
        OR (
         "t50"."closed_at" > "t50"."as_of"
        )
        OR (
         (
          CAST((
           "t50"."as_of" - "t50"."opened_at"
          ) AS DOUBLE PRECISION) / 86400.0
         ) <= 90
        )
       ) AS "asked",
       CAST((
        "t50"."as_of" - "t50"."opened_at"
       ) AS DOUBLE PRECISION) / 86400.0 AS "age",
       (
        COALESCE("t50"."kind", 'problem') = 'question'
       )
       AND (
        (
         CAST((
          "t50"."as_of" - "t50"."opened_at"
         ) AS DOUBLE PRECISION) / 86400.0
        ) <= 90
       ) AS "wonders",
       (
        COALESCE("t50"."kind", 'problem') = 'question'
       )
       AND (
        (
         CAST((
          "t50"."as_of" - "t50"."opened_at"
         ) AS DOUBLE PRECISION) / 86400.0
        ) > 90
       )
       AND (
        (
         CAST((
          "t50"."as_of" - "t50"."opened_at"
         ) AS DOUBLE PRECISION) / 86400.0
        ) <= 180
       ) AS "wondered"
      FROM (
       SELECT
        "t20"."ticket_id",
        "t20"."account_key",
        "t20"."opened_at",
        "t20"."closed_at",
        "t20"."kind",
        "t20"."severity",
        "t20"."escalated",
        "t20"."feature_id",
        "t20"."contact_id",
        "t44"."as_of"
       FROM "ticket" AS "t20"
       CROSS JOIN "t27" AS "t44"
      ) AS "t50"
      WHERE
       "t50"."opened_at" <= "t50"."as_of"
     ) AS "t70"
     GROUP BY
      1
    ) AS "t84"
     ON "t35"."account_key" = "t84"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t77"."account_key",
      "t77"."strategic_moments_180d",
      "t77"."proofs_365d",
      "t77"."gate_hits_28d",
      "t77"."pricing_views_28d",
      "t77"."renewal_risks_90d",
      "t77"."customer_growth_180d",
      "t77"."new_places_180d",
      "t77"."funding_365d",
      "t77"."at_checkout" > 0 AS "at_checkout",
      "t77"."onboarded_at",
      "t77"."first_value_at",
      "t77"."renewal_risk_id"
     FROM (
      SELECT
       "t62"."account_key",
       SUM(
        CASE
         WHEN "t62"."kind" IN ('initiative', 'business_unit', 'geography', 'hire', 'funding', 'customer_growth')
         AND (
          "t62"."occurred_at" > (
           "t62"."as_of" - 15552000
          )
         )
         THEN 1
         ELSE 0
        END
       ) AS "strategic_moments_180d",
       SUM(
        CASE
         WHEN "t62"."kind" IN ('case_study', 'public_reference')
         AND (
          "t62"."occurred_at" > (
           "t62"."as_of" - 31536000
          )
         )
         THEN 1
         ELSE 0
        END
       ) AS "proofs_365d",
       SUM(
        CASE
         WHEN "t62"."kind" IN ('feature_gate_hit')
         AND (
          "t62"."occurred_at" > (
           "t62"."as_of" - 2419200
          )
         )
         THEN 1
         ELSE 0
        END
       ) AS "gate_hits_28d",
       SUM(
        CASE
         WHEN "t62"."kind" IN ('pricing_page_viewed')
         AND (
          "t62"."occurred_at" > (
           "t62"."as_of" - 2419200
          )
         )
         THEN 1
         ELSE 0
        END
       ) AS "pricing_views_28d",
       SUM(
        CASE
         WHEN "t62"."kind" IN ('renewal_risk')
         AND (
          "t62"."occurred_at" > (
           "t62"."as_of" - 7776000
          )
         )
         THEN 1
         ELSE 0
        END
       ) AS "renewal_risks_90d",
       SUM(
        CASE
         WHEN "t62"."kind" IN ('customer_growth')
         AND (
          "t62"."occurred_at" > (
           "t62"."as_of" - 15552000
          )
         )
         THEN 1
         ELSE 0
        END
       ) AS "customer_growth_180d",
       SUM(
        CASE
         WHEN "t62"."kind" IN ('business_unit', 'geography')
         AND (
          "t62"."occurred_at" > (
           "t62"."as_of" - 15552000
          )
         )
         THEN 1
         ELSE 0
        END
       ) AS "new_places_180d",
       SUM(
        CASE
         WHEN "t62"."kind" IN ('funding')
         AND (
          "t62"."occurred_at" > (
           "t62"."as_of" - 31536000
          )
         )
         THEN 1
         ELSE 0
        END
       ) AS "funding_365d",
       SUM(
        CASE
         WHEN "t62"."kind" IN ('checkout')
         AND (
          "t62"."occurred_at" > (
           "t62"."as_of" - 86400
          )
         )
         THEN 1
         ELSE 0
        END
       ) AS "at_checkout",
       MIN(
        CASE
         WHEN "t62"."kind" = 'onboarded'
         THEN "t62"."occurred_at"
         ELSE CAST(NULL AS BIGINT)
        END
       ) AS "onboarded_at",
       MIN(
        CASE
         WHEN "t62"."kind" = 'first_value'
         THEN "t62"."occurred_at"
         ELSE CAST(NULL AS BIGINT)
        END
       ) AS "first_value_at",
       MIN(
        CASE
         WHEN "t62"."kind" IN ('renewal_risk')
         AND (
          "t62"."occurred_at" > (
           "t62"."as_of" - 7776000
          )
         )
         THEN "t62"."moment_id"
         ELSE CAST(NULL AS VARCHAR)
        END
       ) AS "renewal_risk_id"
      FROM (
       SELECT
        *
       FROM (
        SELECT
         "t24"."moment_id",
         "t24"."account_key",
         "t24"."kind",
         "t24"."occurred_at",
         "t24"."contact_id",
         "t24"."subject_id",
         "t24"."detail",
         "t24"."source",
         "t44"."as_of"
        FROM "moment" AS "t24"
        CROSS JOIN "t27" AS "t44"
       ) AS "t53"
       WHERE
        "t53"."occurred_at" <= "t53"."as_of"
      ) AS "t62"
      GROUP BY
       1
     ) AS "t77"
    ) AS "t89"
     ON "t35"."account_key" = "t89"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t76"."account_key",
      "t76"."score" AS "nps_score",
      "t76"."feedback_id" AS "nps_feedback_id"
     FROM (
      SELECT
       "t65"."feedback_id",
       "t65"."account_key",
       "t65"."contact_id",
       "t65"."kind",
       "t65"."score",
       "t65"."answered_at",
       "t65"."as_of",
       ROW_NUMBER() OVER (
        PARTITION BY "t65"."account_key"
        ORDER BY "t65"."answered_at" DESC NULLS LAST, "t65"."feedback_id" ASC
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
       ) - 1 AS "place"
      FROM (
       SELECT
        *
       FROM (
        SELECT
         "t25"."feedback_id",
         "t25"."account_key",
         "t25"."contact_id",
         "t25"."kind",
         "t25"."score",
         "t25"."answered_at",
         "t44"."as_of"
        FROM "feedback" AS "t25"
        CROSS JOIN "t27" AS "t44"
       ) AS "t54"
       WHERE
        "t54"."kind" = 'nps'
        AND "t54"."answered_at" <= "t54"."as_of"
        AND "t54"."answered_at" > (
         "t54"."as_of" - 31536000
        )
      ) AS "t65"
     ) AS "t76"
     WHERE
      "t76"."place" = 0
    ) AS "t87"
     ON "t35"."account_key" = "t87"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t81"."account_key",
      SUM(CASE WHEN "t81"."achieved" >= "t81"."target" THEN 1 ELSE 0 END) AS "outcomes_met",
      SUM(CASE WHEN "t81"."achieved" >= "t81"."target" THEN 0 ELSE 1 END) AS "outcomes_missed",
      MIN(
       CASE
        WHEN "t81"."achieved" >= "t81"."target"
        THEN "t81"."outcome_id"
        ELSE CAST(NULL AS VARCHAR)
       END
      ) AS "met_outcome_id"
     FROM (
      SELECT
       *
      FROM (
       SELECT
        "t63"."outcome_id",
        "t63"."account_key",
        "t63"."product_id",
        "t63"."metric",
        "t63"."unit",
        "t63"."currency",
        "t63"."target",
        "t63"."achieved",
        "t63"."started_at",
        "t63"."measured_at",
        "t63"."source",
        "t63"."as_of",
        ROW_NUMBER() OVER (
         PARTITION BY "t63"."account_key", "t63"."metric"
         ORDER BY "t63"."measured_at" DESC NULLS LAST, "t63"."outcome_id" ASC
         ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) - 1 AS "place"
       FROM (
        SELECT
         *
        FROM (
         SELECT
          "t26"."outcome_id",
          "t26"."account_key",
          "t26"."product_id",
          "t26"."metric",
          "t26"."unit",
          "t26"."currency",
          "t26"."target",
          "t26"."achieved",
          "t26"."started_at",
          "t26"."measured_at",
          "t26"."source",
          "t44"."as_of"
         FROM "outcome" AS "t26"
         CROSS JOIN "t27" AS "t44"
        ) AS "t55"
        WHERE
         "t55"."measured_at" <= "t55"."as_of"
       ) AS "t63"
      ) AS "t73"
      WHERE
       "t73"."place" = 0
     ) AS "t81"
     GROUP BY
      1
    ) AS "t93"
     ON "t35"."account_key" = "t93"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t67"."account_key",
      COUNT("t67"."deal_id") AS "open_deals",
      MIN("t67"."deal_id") AS "open_deal_id"
     FROM (
      SELECT
       *
      FROM (
       SELECT
        "t21"."deal_id",
        "t21"."account_key",
        "t21"."motion",
        "t21"."stage",
        "t21"."amount_minor",
        "t21"."opened_at",
        "t21"."closed_at",
        "t21"."won",
        "t44"."as_of"
       FROM "deal" AS "t21"
       CROSS JOIN "t27" AS "t44"
      ) AS "t51"
      WHERE
       "t51"."opened_at" <= "t51"."as_of"
       AND NOT (
        CASE
         WHEN "t51"."closed_at" IS NULL
         THEN "t51"."won" IS NOT NULL
         ELSE "t51"."closed_at" <= "t51"."as_of"
        END
       )
     ) AS "t67"
     GROUP BY
      1
    ) AS "t75"
     ON "t35"."account_key" = "t75"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t64"."account_key",
      COUNT("t64"."contact_id") AS "contacts_now",
      SUM(
       CASE
        WHEN (
         "t64"."created_at" IS NOT NULL
        )
        AND NOT (
         COALESCE("t64"."in_original_purchase", FALSE)
        )
        AND (
         "t64"."created_at" > (
          "t64"."as_of" - 2419200
         )
        )
        THEN 1
        ELSE 0
       END
      ) AS "new_users_28d",
      SUM(
       CASE
        WHEN (
         "t64"."created_at" IS NOT NULL
        )
        AND NOT (
         COALESCE("t64"."in_original_purchase", FALSE)
        )
        AND (
         "t64"."created_at" > (
          "t64"."as_of" - 4838400
         )
        )
        AND NOT (
         (
          "t64"."created_at" IS NOT NULL
         )
         AND NOT (
          COALESCE("t64"."in_original_purchase", FALSE)
         )
         AND (
          "t64"."created_at" > (
           "t64"."as_of" - 2419200
          )
         )
        )
        THEN 1
        ELSE 0
       END
      ) AS "new_users_prev_28d"
     FROM (
      SELECT
       *
      FROM (
       SELECT
        "t22"."contact_id",
        "t22"."account_key",
        "t22"."name",
        "t22"."email",
        "t22"."title",
        "t22"."role",
        "t22"."team",
        "t22"."time_zone",
        "t22"."may_buy",
        "t22"."in_original_purchase",
        "t22"."invited_by_contact_id",
        "t22"."consents",
        "t22"."created_at",
        "t22"."left_at",
        "t44"."as_of"
       FROM "contact" AS "t22"
       CROSS JOIN "t27" AS "t44"
      ) AS "t52"
      WHERE
       (
        "t52"."left_at" IS NULL
       ) OR (
        "t52"."left_at" > "t52"."as_of"
       )
     ) AS "t64"
     GROUP BY
      1
    ) AS "t90"
     ON "t35"."account_key" = "t90"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t2"."account_key",
      SUM(CASE WHEN COALESCE("t2"."utilisation" >= 0.85, FALSE) THEN 1 ELSE 0 END) AS "limits_saturated",
      SUM(
       CASE
        WHEN COALESCE("t2"."trend_28d" >= 0.2, FALSE) AND (
         "t2"."used_28d" > 0
        )
        THEN 1
        ELSE 0
       END
      ) AS "limits_rising",
      MAX("t2"."utilisation") AS "utilisation_max"
     FROM "limit_profile" AS "t2"
     GROUP BY
      1
    ) AS "t61"
     ON "t35"."account_key" = "t61"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t66"."account_key",
      COUNT(DISTINCT "t66"."use_case_id") AS "use_cases_28d"
     FROM (
      SELECT
       *
      FROM (
       SELECT
        "t23"."account_key",
        "t23"."used",
        "t23"."used_1",
        "t23"."used_28d",
        "t23"."used_prev_28d",
        "t23"."meter_id",
        "t40"."use_case_id"
       FROM "meter_profile" AS "t23"
       INNER JOIN (
        SELECT
         "t16"."use_case_id",
         "t16"."meter_id"
        FROM "catalog_use_case" AS "t16"
       ) AS "t40"
        ON "t23"."meter_id" = "t40"."meter_id"
      ) AS "t59"
      WHERE
       "t59"."used_28d" > 0
     ) AS "t66"
     GROUP BY
      1
    ) AS "t74"
     ON "t35"."account_key" = "t74"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t3"."account_key",
      SUM("t3"."milestones_28d") AS "milestones_28d"
     FROM "milestones" AS "t3"
     GROUP BY
      1
    ) AS "t46"
     ON "t35"."account_key" = "t46"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t4"."account_key",
      SUM(CASE WHEN COALESCE("t4"."first_value_reached", FALSE) THEN 1 ELSE 0 END) AS "values_reached",
      SUM(CASE WHEN NOT (
       COALESCE("t4"."first_value_reached", TRUE)
      ) THEN 1 ELSE 0 END) AS "values_missing"
     FROM "first_value" AS "t4"
     GROUP BY
      1
    ) AS "t58"
     ON "t35"."account_key" = "t58"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t5"."account_key",
      SUM("t5"."purchases_365d") AS "purchases_365d"
     FROM "bought" AS "t5"
     GROUP BY
      1
    ) AS "t47"
     ON "t35"."account_key" = "t47"."account_key"
    LEFT OUTER JOIN (
     SELECT DISTINCT
      "t6"."owner_id",
      TRUE AS "has_owner"
     FROM "owner" AS "t6"
    ) AS "t38"
     ON "t35"."owner_id" = "t38"."owner_id"
   ) AS "t97"
  ) AS "t99"
  CROSS JOIN "t27" AS "t44"
 ) AS "t100"
) AS stage;

-- goals 5676761d73d73e99
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "goal_id",
 "advances",
 "has_sponsor"
FROM (
 SELECT
  "t17"."account_key",
  "t17"."goal_id",
  '
' || COALESCE("t17"."advances", '') || '
' AS "advances",
  (
   "t17"."sponsor_contact_id" IS NOT NULL
  )
  AND (
   (
    "t17"."left_at" IS NULL
   ) OR (
    "t17"."left_at" > "t17"."as_of"
   )
  ) AS "has_sponsor"
 FROM (
  SELECT
   "t16"."goal_id",
   "t16"."account_key",
   "t16"."contact_id",
   "t16"."priority",
   "t16"."metric",
   "t16"."advances",
   "t16"."sponsor_contact_id",
   "t16"."stated_at",
   "t16"."source",
   "t16"."review_at",
   "t16"."as_of",
   "t16"."left_at"
  FROM (
   SELECT
    "t15"."goal_id",
    "t15"."account_key",
    "t15"."contact_id",
    "t15"."priority",
    "t15"."metric",
    "t15"."advances",
    "t15"."sponsor_contact_id",
    "t15"."stated_at",
    "t15"."source",
    "t15"."review_at",
    "t15"."as_of",
    "t7"."gone_id",
    "t7"."left_at"
   FROM (
    SELECT
     "t13"."goal_id",
     "t13"."account_key",
     "t13"."contact_id",
     "t13"."priority",
     "t13"."metric",
     "t13"."advances",
     "t13"."sponsor_contact_id",
     "t13"."stated_at",
     "t13"."source",
     "t13"."review_at",
     "t13"."as_of"
    FROM (
     SELECT
      *
     FROM (
      SELECT
       "t11"."goal_id",
       "t11"."account_key",
       "t11"."contact_id",
       "t11"."priority",
       "t11"."metric",
       "t11"."advances",
       "t11"."sponsor_contact_id",
       "t11"."stated_at",
       "t11"."source",
       "t11"."review_at",
       "t11"."as_of",
       "t11"."left_at"
      FROM (
       SELECT
        "t10"."goal_id",
        "t10"."account_key",
        "t10"."contact_id",
        "t10"."priority",
        "t10"."metric",
        "t10"."advances",
        "t10"."sponsor_contact_id",
        "t10"."stated_at",
        "t10"."source",
        "t10"."review_at",
        "t10"."as_of",
        "t7"."gone_id",
        "t7"."left_at"
       FROM (
        SELECT
         *
        FROM (
         SELECT
          "t3"."goal_id",
          "t3"."account_key",
          "t3"."contact_id",
          "t3"."priority",
          "t3"."metric",
          "t3"."advances",
          "t3"."sponsor_contact_id",
          "t3"."stated_at",
          "t3"."source",
          "t3"."review_at",
          "t6"."as_of"
         FROM "goal" AS "t3"
         CROSS JOIN (
          SELECT
           "t2"."as_of"
          FROM "today" AS "t2"
         ) AS "t6"
        ) AS "t8"
        WHERE
         "t8"."stated_at" <= "t8"."as_of"
       ) AS "t10"
       LEFT OUTER JOIN (
        SELECT
         "t0"."contact_id" AS "gone_id",
         "t0"."left_at"
        FROM "contact" AS "t0"
        WHERE
         "t0"."left_at" IS NOT NULL
       ) AS "t7"
        ON "t10"."contact_id" = "t7"."gone_id"
      ) AS "t11"
     ) AS "t12"
     WHERE
      (
       "t12"."left_at" IS NULL
      ) OR (
       "t12"."left_at" > "t12"."as_of"
      )
    ) AS "t13"
   ) AS "t15"
   LEFT OUTER JOIN (
    SELECT
     "t0"."contact_id" AS "gone_id",
     "t0"."left_at"
    FROM "contact" AS "t0"
    WHERE
     "t0"."left_at" IS NOT NULL
   ) AS "t7"
    ON "t15"."sponsor_contact_id" = "t7"."gone_id"
  ) AS "t16"
 ) AS "t17"
) AS stage;

-- adoption 3abd2e8208c0a039
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "adoption",
 "adoption_is_unlimited",
 "utilisation_now",
 CAST("complete_periods" AS BIGINT) AS "complete_periods"
FROM (
 SELECT
  "t2"."account_key",
  "t2"."product_id",
  MAX("t2"."adoption") AS "adoption",
  BOOL_OR("t2"."is_unlimited") OR BOOL_OR("t2"."enforcement" = 'auto') AS "adoption_is_unlimited",
  MAX("t2"."utilisation") AS "utilisation_now",
  MAX("t2"."complete_periods") AS "complete_periods"
 FROM (
  SELECT
   *
  FROM (
   SELECT
    "t0"."account_key",
    "t0"."product_id",
    "t0"."meter_id",
    "t0"."meter_key",
    "t0"."plan_id",
    "t0"."paid_quantity",
    "t0"."aggregate",
    "t0"."meter_kind",
    "t0"."period",
    "t0"."value_meter",
    "t0"."is_advanced",
    "t0"."limit_quantity",
    "t0"."is_unlimited",
    "t0"."is_own_limit",
    "t0"."enforcement",
    "t0"."basis",
    "t0"."starts_next",
    "t0"."starts_0",
    "t0"."starts_1",
    "t0"."starts_2",
    "t0"."starts_3",
    "t0"."as_of",
    "t0"."as_of_day",
    "t0"."started_at",
    "t0"."begins_at",
    "t0"."changed_at",
    "t0"."is_paid",
    "t0"."live_subscriptions",
    "t0"."seats_used",
    "t0"."is_estimated",
    "t0"."used",
    "t0"."used_1",
    "t0"."used_2",
    "t0"."used_3",
    "t0"."week_1",
    "t0"."week_2",
    "t0"."week_3",
    "t0"."week_4",
    "t0"."week_5",
    "t0"."week_6",
    "t0"."week_7",
    "t0"."week_8",
    "t0"."level_0",
    "t0"."level_1",
    "t0"."level_2",
    "t0"."level_3",
    "t0"."level_4",
    "t0"."level_5",
    "t0"."level_6",
    "t0"."level_7",
    "t0"."level_8",
    "t0"."is_first_use",
    "t0"."utilisation",
    "t0"."adoption",
    "t0"."adopted_quantity",
    "t0"."idle",
    "t0"."overage_periods_3",
    "t0"."periods_at_90_3",
    "t0"."complete_periods",
    "t0"."peak_3",
    "t0"."plan_used_1",
    "t0"."plan_used_2",
    "t0"."plan_used_3",
    "t0"."rate_now",
    "t0"."slope",
    "t0"."week_sd",
    "t0"."week_mean",
    "t0"."days_left",
    "t0"."used_28d",
    "t0"."used_prev_28d",
    "t0"."trend_28d",
    "t0"."trend_56d",
    "t0"."forecast_use",
    "t0"."forecast_high",
    "t0"."days_to_limit",
    "t0"."days_to_limit_low",
    "t0"."days_to_limit_high",
    "t0"."breach_forecast",
    "t0"."unused_day",
    "t0"."unused_look_days",
    BOOL_OR("t0"."value_meter") OVER (
     PARTITION BY "t0"."account_key", "t0"."product_id"
     ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS "has_value"
   FROM "limit_profile" AS "t0"
  ) AS "t1"
  WHERE
   "t1"."value_meter" OR NOT (
    "t1"."has_value"
   )
 ) AS "t2"
 GROUP BY
  1,
  2
) AS stage;

-- product_profile be9a3b0c9aca1925
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "one_off",
 "partner_product_id",
 "partner_kind",
 "partner_first_value_reached",
 CAST("partner_completed_days" AS BIGINT) AS "partner_completed_days",
 CAST("partner_spent_minor" AS BIGINT) AS "partner_spent_minor",
 "partner_currency",
 CAST("partner_holds" AS BIGINT) AS "partner_holds",
 "own_product_id",
 CAST("partner_purchases_365d" AS BIGINT) AS "partner_purchases_365d",
 CAST("partner_milestones" AS BIGINT) AS "partner_milestones",
 CAST("available_days" AS BIGINT) AS "available_days",
 "has_partner",
 CAST("other_vendors_365d" AS BIGINT) AS "other_vendors_365d",
 CAST("initiatives_180d" AS BIGINT) AS "initiatives_180d",
 CAST("hires_180d" AS BIGINT) AS "hires_180d",
 CAST("new_buyers_180d" AS BIGINT) AS "new_buyers_180d"
FROM (
 WITH "t23" AS (
  SELECT
   "t3"."as_of"
  FROM "today" AS "t3"
 )
 SELECT
  "t60"."account_key",
  "t60"."product_id",
  "t60"."one_off",
  "t60"."partner_product_id",
  "t60"."partner_kind",
  "t60"."partner_first_value_reached",
  "t60"."partner_completed_days",
  "t60"."partner_spent_minor",
  "t60"."partner_currency",
  "t60"."partner_holds",
  COALESCE("t60"."partner_product_id", "t60"."main_product_id") AS "own_product_id",
  COALESCE("t60"."partner_purchases_365d", 0) AS "partner_purchases_365d",
  COALESCE("t60"."partner_milestones", 0) AS "partner_milestones",
  "t60"."as_of_day" - "t60"."available_from_day" AS "available_days",
  "t60"."partner_product_id" IS NOT NULL AS "has_partner",
  COALESCE("t60"."other_vendors_365d", 0) AS "other_vendors_365d",
  COALESCE("t60"."initiatives_180d", 0) AS "initiatives_180d",
  COALESCE("t60"."hires_180d", 0) AS "hires_180d",
  COALESCE("t60"."new_buyers_180d", 0) AS "new_buyers_180d"
 FROM (
  SELECT
   "t43"."account_key",
   "t43"."product_id",
   "t43"."one_off",
   "t43"."available_from_day",
   "t43"."as_of_day",
   "t59"."partner_product_id",
   "t59"."partner_kind",
   "t59"."partner_holds",
   "t59"."partner_first_value_reached",
   "t59"."partner_purchases_365d",
   "t59"."partner_spent_minor",
   "t59"."partner_currency",
   "t59"."partner_milestones",
   "t59"."partner_completed_days",
   "t47"."main_product_id",
   "t52"."other_vendors_365d",
   "t52"."initiatives_180d",
   "t52"."hires_180d",
   "t55"."new_buyers_180d"
  FROM (
   SELECT
    *
   FROM (
    SELECT
     "t26"."account_key",
     "t29"."product_id",
     "t29"."one_off",
     "t29"."available_from_day",
     "t30"."as_of_day"
    FROM (
     SELECT DISTINCT
      "t0"."account_key"
     FROM "has" AS "t0"
    ) AS "t26"
    CROSS JOIN (
     SELECT
      "t2"."product_id",
      "t2"."one_off",
      "t2"."available_from_day"
     FROM "catalog_product" AS "t2"
    ) AS "t29"
    CROSS JOIN (
     SELECT
      "t3"."as_of_day"
     FROM "today" AS "t3"
    ) AS "t30"
   ) AS "t36"
   WHERE
    (
     "t36"."available_from_day" IS NULL
    )
    OR (
     "t36"."available_from_day" <= "t36"."as_of_day"
    )
  ) AS "t43"
  LEFT OUTER JOIN (
   SELECT
    "t57"."account_key",
    "t57"."partner_product_id",
    "t57"."partner_kind",
    "t57"."partner_holds",
    "t57"."partner_first_value_reached",
    "t57"."product_id",
    "t57"."partner_purchases_365d",
    "t57"."partner_spent_minor",
    "t57"."partner_currency",
    "t57"."partner_milestones",
    "t57"."partner_completed_days"
   FROM (
    SELECT
     "t56"."account_key",
     "t56"."partner_product_id",
     "t56"."partner_kind",
     "t56"."partner_holds",
     "t56"."partner_first_value_reached",
     "t56"."product_id",
     "t56"."completed_at",
     COALESCE("t56"."partner_purchases_365d", 0) AS "partner_purchases_365d",
     "t56"."partner_spent_minor",
     "t56"."partner_currency",
     COALESCE("t56"."partner_milestones", 0) AS "partner_milestones",
     "t56"."as_of",
     CAST(FLOOR(CAST((
      "t56"."as_of" - "t56"."completed_at"
     ) AS DOUBLE PRECISION) / 86400.0) AS BIGINT) AS "partner_completed_days"
    FROM (
     SELECT
      "t53"."account_key",
      "t53"."partner_product_id",
      "t53"."partner_kind",
      "t53"."partner_holds",
      "t53"."partner_first_value_reached",
      "t53"."product_id",
      "t32"."completed_at",
      "t32"."partner_purchases_365d",
      "t32"."partner_spent_minor",
      "t32"."partner_currency",
      "t33"."partner_milestones",
      "t34"."as_of"
     FROM (
      SELECT
       "t48"."account_key",
       "t48"."partner_product_id",
       "t48"."partner_kind",
       "t48"."partner_holds",
       "t48"."partner_first_value_reached",
       "t48"."then" AS "product_id"
      FROM (
       SELECT
        "t39"."account_key",
        "t39"."partner_product_id",
        "t39"."has",
        "t39"."then",
        "t39"."partner_kind",
        "t39"."kind_place",
        "t39"."partner_holds",
        "t39"."partner_first_value_reached",
        ROW_NUMBER() OVER (
         PARTITION BY "t39"."account_key", "t39"."then"
         ORDER BY "t39"."kind_place" ASC, CASE WHEN COALESCE("t39"."partner_first_value_reached", FALSE) THEN 0 ELSE 1 END ASC, "t39"."partner_product_id" ASC
         ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) - 1 AS "place"
       FROM (
        SELECT
         "t27"."account_key",
         "t27"."partner_product_id",
         "t16"."has",
         "t16"."then",
         "t16"."partner_kind",
         "t16"."kind_place",
         "t16"."partner_holds",
         "t28"."partner_first_value_reached"
        FROM (
         SELECT
          "t0"."account_key",
          "t0"."product_id" AS "partner_product_id"
         FROM "has" AS "t0"
        ) AS "t27"
        INNER JOIN "catalog_partner" AS "t16"
         ON "t27"."partner_product_id" = "t16"."has"
        LEFT OUTER JOIN (
         SELECT
          "t1"."account_key",
          "t1"."product_id" AS "partner_product_id",
          "t1"."first_value_reached" AS "partner_first_value_reached"
         FROM "first_value" AS "t1"
        ) AS "t28"
         ON "t27"."account_key" = "t28"."account_key"
         AND "t27"."partner_product_id" = "t28"."partner_product_id"
       ) AS "t39"
      ) AS "t48"
      WHERE
       "t48"."place" = 0
     ) AS "t53"
     LEFT OUTER JOIN (
      SELECT
       "t7"."account_key",
       "t7"."completed_at",
       "t7"."product_id" AS "partner_product_id",
       "t7"."purchases_365d" AS "partner_purchases_365d",
       "t7"."spent_minor" AS "partner_spent_minor",
       "t7"."spent_currency" AS "partner_currency"
      FROM "bought" AS "t7"
     ) AS "t32"
      ON "t53"."account_key" = "t32"."account_key"
      AND "t53"."partner_product_id" = "t32"."partner_product_id"
     LEFT OUTER JOIN (
      SELECT
       "t8"."account_key",
       "t8"."product_id" AS "partner_product_id",
       "t8"."milestones" AS "partner_milestones"
      FROM "milestones" AS "t8"
     ) AS "t33"
      ON "t53"."account_key" = "t33"."account_key"
      AND "t53"."partner_product_id" = "t33"."partner_product_id"
     CROSS JOIN "t23" AS "t34"
    ) AS "t56"
   ) AS "t57"
  ) AS "t59"
   ON "t43"."account_key" = "t59"."account_key"
   AND "t43"."product_id" = "t59"."product_id"
  LEFT OUTER JOIN (
   SELECT
    "t40"."account_key",
    "t40"."product_id" AS "main_product_id"
   FROM (
    SELECT
     "t19"."account_key",
     "t19"."product_id",
     "t19"."first_value_reached",
     ROW_NUMBER() OVER (
      PARTITION BY "t19"."account_key"
      ORDER BY CASE WHEN COALESCE("t19"."first_value_reached", FALSE) THEN 0 ELSE 1 END ASC, "t19"."product_id" ASC
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
     ) - 1 AS "place"
    FROM (
     SELECT
      "t1"."account_key",
      "t1"."product_id",
      "t1"."first_value_reached"
     FROM "first_value" AS "t1"
    ) AS "t19"
   ) AS "t40"
   WHERE
    "t40"."place" = 0
  ) AS "t47"
   ON "t43"."account_key" = "t47"."account_key"
  LEFT OUTER JOIN (
   SELECT
    "t42"."account_key",
    "t42"."product_id",
    SUM(
     CASE
      WHEN "t42"."kind" IN ('other_vendor')
      AND (
       "t42"."occurred_at" > (
        "t42"."as_of" - 31536000
       )
      )
      THEN 1
      ELSE 0
     END
    ) AS "other_vendors_365d",
    SUM(
     CASE
      WHEN "t42"."kind" IN ('initiative', 'business_unit', 'geography')
      AND (
       "t42"."occurred_at" > (
        "t42"."as_of" - 15552000
       )
      )
      THEN 1
      ELSE 0
     END
    ) AS "initiatives_180d",
    SUM(
     CASE
      WHEN "t42"."kind" IN ('hire')
      AND (
       "t42"."occurred_at" > (
        "t42"."as_of" - 15552000
       )
      )
      THEN 1
      ELSE 0
     END
    ) AS "hires_180d"
   FROM (
    SELECT
     *
    FROM (
     SELECT
      "t12"."moment_id",
      "t12"."account_key",
      "t12"."kind",
      "t12"."occurred_at",
      "t12"."contact_id",
      "t12"."subject_id",
      "t12"."detail",
      "t12"."source",
      "t35"."as_of",
      "t14"."product_id"
     FROM "moment" AS "t12"
     CROSS JOIN "t23" AS "t35"
     INNER JOIN "catalog_subject" AS "t14"
      ON "t12"."subject_id" = "t14"."subject_id"
    ) AS "t37"
    WHERE
     "t37"."occurred_at" <= "t37"."as_of"
   ) AS "t42"
   GROUP BY
    1,
    2
  ) AS "t52"
   ON "t43"."account_key" = "t52"."account_key"
   AND "t43"."product_id" = "t52"."product_id"
  LEFT OUTER JOIN (
   SELECT
    "t49"."account_key",
    "t49"."product_id",
    COUNT(DISTINCT "t49"."contact_id") AS "new_buyers_180d"
   FROM (
    SELECT
     "t45"."account_key",
     "t45"."contact_id",
     "t45"."title",
     "t13"."product_id"
    FROM (
     SELECT
      "t38"."account_key",
      "t38"."contact_id",
      "t38"."title"
     FROM (
      SELECT
       "t15"."contact_id",
       "t15"."account_key",
       "t15"."name",
       "t15"."email",
       "t15"."title",
       "t15"."role",
       "t15"."team",
       "t15"."time_zone",
       "t15"."may_buy",
       "t15"."in_original_purchase",
       "t15"."invited_by_contact_id",
       "t15"."consents",
       "t15"."created_at",
       "t15"."left_at",
       "t35"."as_of"
      FROM "contact" AS "t15"
      CROSS JOIN "t23" AS "t35"
     ) AS "t38"
     WHERE
      "t38"."created_at" IS NOT NULL
      AND "t38"."created_at" > (
       "t38"."as_of" - 15552000
      )
      AND (
       (
        "t38"."left_at" IS NULL
       ) OR (
        "t38"."left_at" > "t38"."as_of"
       )
      )
    ) AS "t45"
    INNER JOIN "catalog_buyer" AS "t13"
     ON "t45"."title" = "t13"."title"
   ) AS "t49"
   GROUP BY
    1,
    2
  ) AS "t55"
   ON "t43"."account_key" = "t55"."account_key"
   AND "t43"."product_id" = "t55"."product_id"
  WHERE
   NOT EXISTS(
    SELECT
     1
    FROM "has" AS "t11"
    WHERE
     "t43"."account_key" = "t11"."account_key"
     AND "t43"."product_id" = "t11"."product_id"
   )
 ) AS "t60"
) AS stage;

-- feature_profile 99cfd09b04212e0a
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "feature_id",
 "plan_id",
 "requested_ticket_id",
 "requested",
 CAST("feature_gate_hits_28d" AS BIGINT) AS "feature_gate_hits_28d",
 CAST("feature_gate_people_28d" AS BIGINT) AS "feature_gate_people_28d",
 CAST("imitated_28d" AS BIGINT) AS "imitated_28d",
 CAST("imitated_prev_28d" AS BIGINT) AS "imitated_prev_28d",
 "is_top",
 "first_value_reached"
FROM (
 SELECT
  "t45"."account_key",
  "t45"."product_id",
  "t45"."feature_id",
  "t45"."plan_id",
  "t45"."requested_ticket_id",
  "t45"."requested_ticket_id" IS NOT NULL AS "requested",
  COALESCE("t45"."gate_hits", 0) AS "feature_gate_hits_28d",
  COALESCE("t45"."gate_people", 0) AS "feature_gate_people_28d",
  COALESCE("t45"."imitated_28d", 0) AS "imitated_28d",
  COALESCE("t45"."imitated_prev_28d", 0) AS "imitated_prev_28d",
  "t45"."is_top",
  "t45"."first_value_reached"
 FROM (
  SELECT
   "t18"."account_key",
   "t18"."product_id",
   "t18"."plan_id",
   "t19"."feature_id",
   "t19"."is_top",
   "t42"."requested_ticket_id",
   "t43"."gate_hits",
   "t43"."gate_people",
   "t33"."imitated_28d",
   "t33"."imitated_prev_28d",
   "t22"."first_value_reached"
  FROM (
   SELECT
    "t0"."account_key",
    "t0"."product_id",
    "t0"."plan_id"
   FROM "owned" AS "t0"
  ) AS "t18"
  INNER JOIN (
   SELECT DISTINCT
    "t1"."product_id",
    "t1"."feature_id",
    "t1"."is_top"
   FROM "catalog_feature" AS "t1"
  ) AS "t19"
   ON "t18"."product_id" = "t19"."product_id"
  LEFT OUTER JOIN (
   SELECT
    "t34"."account_key",
    "t34"."feature_id",
    MIN("t34"."ticket_id") AS "requested_ticket_id"
   FROM (
    SELECT
     *
    FROM (
     SELECT
      "t10"."ticket_id",
      "t10"."account_key",
      "t10"."opened_at",
      "t10"."closed_at",
      "t10"."kind",
      "t10"."severity",
      "t10"."escalated",
      "t10"."feature_id",
      "t10"."contact_id",
      "t24"."as_of"
     FROM "ticket" AS "t10"
     CROSS JOIN (
      SELECT
       "t8"."as_of"
      FROM "today" AS "t8"
     ) AS "t24"
    ) AS "t28"
    WHERE
     "t28"."kind" = 'feature_request'
     AND "t28"."feature_id" IS NOT NULL
     AND "t28"."opened_at" <= "t28"."as_of"
     AND "t28"."opened_at" > (
      "t28"."as_of" - 7776000
     )
   ) AS "t34"
   GROUP BY
    1,
    2
  ) AS "t42"
   ON "t18"."account_key" = "t42"."account_key"
   AND "t19"."feature_id" = "t42"."feature_id"
  LEFT OUTER JOIN (
   SELECT
    "t35"."account_key",
    "t35"."subject_id" AS "feature_id",
    COUNT("t35"."moment_id") AS "gate_hits",
    COUNT(DISTINCT "t35"."contact_id") AS "gate_people"
   FROM (
    SELECT
     *
    FROM (
     SELECT
      "t11"."moment_id",
      "t11"."account_key",
      "t11"."kind",
      "t11"."occurred_at",
      "t11"."contact_id",
      "t11"."subject_id",
      "t11"."detail",
      "t11"."source",
      "t24"."as_of"
     FROM "moment" AS "t11"
     CROSS JOIN (
      SELECT
       "t8"."as_of"
      FROM "today" AS "t8"
     ) AS "t24"
    ) AS "t29"
    WHERE
     "t29"."kind" = 'feature_gate_hit'
     AND "t29"."occurred_at" <= "t29"."as_of"
     AND "t29"."occurred_at" > (
      "t29"."as_of" - 2419200
     )
   ) AS "t35"
   GROUP BY
    1,
    2
  ) AS "t43"
   ON "t18"."account_key" = "t43"."account_key"
   AND "t19"."feature_id" = "t43"."feature_id"
  LEFT OUTER JOIN (
   SELECT
    "t27"."account_key",
    "t27"."feature_id",
    SUM("t27"."used_28d") AS "imitated_28d",
    SUM("t27"."used_prev_28d") AS "imitated_prev_28d"
   FROM (
    SELECT
     "t9"."account_key",
     "t9"."used",
     "t9"."used_1",
     "t9"."used_28d",
     "t9"."used_prev_28d",
     "t9"."meter_id",
     "t12"."feature_id"
    FROM "meter_profile" AS "t9"
    INNER JOIN "catalog_imitation" AS "t12"
     ON "t9"."meter_id" = "t12"."meter_id"
   ) AS "t27"
   GROUP BY
    1,
    2
  ) AS "t33"
   ON "t18"."account_key" = "t33"."account_key"
   AND "t19"."feature_id" = "t33"."feature_id"
  LEFT OUTER JOIN (
   SELECT
    "t2"."account_key",
    "t2"."product_id",
    "t2"."first_value_reached"
   FROM "first_value" AS "t2"
  ) AS "t22"
   ON "t18"."account_key" = "t22"."account_key"
   AND "t18"."product_id" = "t22"."product_id"
  WHERE
   NOT EXISTS(
    SELECT
     1
    FROM (
     SELECT DISTINCT
      *
     FROM (
      SELECT
       *
      FROM (
       SELECT
        "t30"."account_key",
        "t30"."feature_id"
       FROM (
        SELECT
         "t23"."account_key",
         "t23"."item_id",
         "t23"."subscription_id",
         "t23"."product_id",
         "t23"."plan_id",
         "t23"."add_on_id",
         "t23"."price_id",
         "t23"."quantity",
         "t23"."amount_minor",
         "t23"."list_amount_minor",
         "t23"."currency",
         "t23"."interval",
         "t23"."interval_count",
         "t23"."status",
         "t23"."valid_from",
         "t23"."valid_to",
         "t23"."period_start",
         "t23"."auto_renew",
         "t23"."cancel_at",
         "t23"."pending_plan_id",
         "t23"."collection",
         "t23"."renews_at",
         "t23"."term_months",
         "t23"."term_days",
         "t23"."is_live",
         "t23"."units",
         "t23"."is_paid",
         "t25"."owner_kind",
         "t25"."owner_id",
         "t25"."feature_id",
         "t25"."is_top"
        FROM (
         SELECT
          *
         FROM "items" AS "t7"
         WHERE
          "t7"."is_live"
        ) AS "t23"
        INNER JOIN (
         SELECT
          *
         FROM "catalog_feature" AS "t1"
         WHERE
          "t1"."owner_kind" = 'plan'
        ) AS "t25"
         ON "t23"."plan_id" = "t25"."owner_id"
       ) AS "t30"
      ) AS "t36"
      UNION ALL
      SELECT
       *
      FROM (
       SELECT
        "t31"."account_key",
        "t31"."feature_id"
       FROM (
        SELECT
         "t23"."account_key",
         "t23"."item_id",
         "t23"."subscription_id",
         "t23"."product_id",
         "t23"."plan_id",
         "t23"."add_on_id",
         "t23"."price_id",
         "t23"."quantity",
         "t23"."amount_minor",
         "t23"."list_amount_minor",
         "t23"."currency",
         "t23"."interval",
         "t23"."interval_count",
         "t23"."status",
         "t23"."valid_from",
         "t23"."valid_to",
         "t23"."period_start",
         "t23"."auto_renew",
         "t23"."cancel_at",
         "t23"."pending_plan_id",
         "t23"."collection",
         "t23"."renews_at",
         "t23"."term_months",
         "t23"."term_days",
         "t23"."is_live",
         "t23"."units",
         "t23"."is_paid",
         "t26"."owner_kind",
         "t26"."owner_id",
         "t26"."feature_id",
         "t26"."is_top"
        FROM (
         SELECT
          *
         FROM "items" AS "t7"
         WHERE
          "t7"."is_live"
        ) AS "t23"
        INNER JOIN (
         SELECT
          *
         FROM "catalog_feature" AS "t1"
         WHERE
          "t1"."owner_kind" = 'add_on'
        ) AS "t26"
         ON "t23"."add_on_id" = "t26"."owner_id"
       ) AS "t31"
      ) AS "t37"
     ) AS "t38"
    ) AS "t44"
    WHERE
     "t18"."account_key" = "t44"."account_key"
     AND "t19"."feature_id" = "t44"."feature_id"
   )
 ) AS "t45"
) AS stage;

-- plan_profile 5b026fe0b9d03597
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "plan_id",
 "interval",
 CAST("interval_count" AS BIGINT) AS "interval_count",
 "currency",
 CAST("quantity" AS BIGINT) AS "quantity",
 CAST("live_subscriptions" AS INT) AS "live_subscriptions",
 "is_trial",
 "by_invoice",
 "adoption",
 "utilisation_now",
 CAST("complete_periods" AS BIGINT) AS "complete_periods",
 "first_value_reached",
 CAST("term_days" AS INT) AS "term_days",
 "steady_use",
 "need_share",
 "peak_share",
 CAST("paid_days" AS BIGINT) AS "paid_days",
 CAST("plan_days" AS BIGINT) AS "plan_days",
 "is_paid",
 CAST("plans_above" AS BIGINT) AS "plans_above",
 CAST("top_feature_asks" AS BIGINT) AS "top_feature_asks",
 CAST("overage_periods_3" AS BIGINT) AS "overage_periods_3"
FROM (
 SELECT
  "t16"."account_key",
  "t16"."product_id",
  "t16"."plan_id",
  "t16"."interval",
  "t16"."interval_count",
  "t16"."currency",
  "t16"."quantity",
  "t16"."live_subscriptions",
  "t16"."is_trial",
  "t16"."by_invoice",
  "t8"."adoption",
  "t8"."utilisation_now",
  "t8"."complete_periods",
  "t10"."first_value_reached",
  "t16"."term_days",
  COALESCE("t21"."steady_use", FALSE) AS "steady_use",
  "t21"."need_share",
  "t21"."peak_share",
  CAST(FLOOR(CAST((
   "t15"."as_of" - "t9"."first_paid_at"
  ) AS DOUBLE PRECISION) / 86400.0) AS BIGINT) AS "paid_days",
  CAST(FLOOR(CAST((
   "t15"."as_of" - "t9"."bought_at"
  ) AS DOUBLE PRECISION) / 86400.0) AS BIGINT) AS "plan_days",
  "t16"."plan_units" > 0 AS "is_paid",
  COALESCE("t14"."plans_above", 0) AS "plans_above",
  COALESCE("t18"."top_feature_asks", 0) AS "top_feature_asks",
  COALESCE("t21"."overage_periods_3", 0) AS "overage_periods_3"
 FROM (
  SELECT
   *
  FROM "owned" AS "t0"
  WHERE
   "t0"."plan_id" IS NOT NULL
 ) AS "t16"
 LEFT OUTER JOIN "adoption" AS "t8"
  ON "t16"."account_key" = "t8"."account_key"
  AND "t16"."product_id" = "t8"."product_id"
 LEFT OUTER JOIN "history" AS "t9"
  ON "t16"."account_key" = "t9"."account_key"
  AND "t16"."product_id" = "t9"."product_id"
 LEFT OUTER JOIN "first_value" AS "t10"
  ON "t16"."account_key" = "t10"."account_key"
  AND "t16"."product_id" = "t10"."product_id"
 LEFT OUTER JOIN (
  SELECT
   "t19"."account_key",
   "t19"."product_id",
   MAX("t19"."need") AS "need_share",
   MAX("t19"."peak") AS "peak_share",
   BOOL_OR("t19"."steady") AS "steady_use",
   MAX("t19"."overage_periods_3") AS "overage_periods_3"
  FROM (
   SELECT
    "t7"."account_key",
    "t7"."product_id",
    "t7"."meter_id",
    "t7"."meter_key",
    "t7"."plan_id",
    "t7"."paid_quantity",
    "t7"."aggregate",
    "t7"."meter_kind",
    "t7"."period",
    "t7"."value_meter",
    "t7"."is_advanced",
    "t7"."limit_quantity",
    "t7"."is_unlimited",
    "t7"."is_own_limit",
    "t7"."enforcement",
    "t7"."basis",
    "t7"."starts_next",
    "t7"."starts_0",
    "t7"."starts_1",
    "t7"."starts_2",
    "t7"."starts_3",
    "t7"."as_of",
    "t7"."as_of_day",
    "t7"."started_at",
    "t7"."begins_at",
    "t7"."changed_at",
    "t7"."is_paid",
    "t7"."live_subscriptions",
    "t7"."seats_used",
    "t7"."is_estimated",
    "t7"."used",
    "t7"."used_1",
    "t7"."used_2",
    "t7"."used_3",
    "t7"."week_1",
    "t7"."week_2",
    "t7"."week_3",
    "t7"."week_4",
    "t7"."week_5",
    "t7"."week_6",
    "t7"."week_7",
    "t7"."week_8",
    "t7"."level_0",
    "t7"."level_1",
    "t7"."level_2",
    "t7"."level_3",
    "t7"."level_4",
    "t7"."level_5",
    "t7"."level_6",
    "t7"."level_7",
    "t7"."level_8",
    "t7"."is_first_use",
    "t7"."utilisation",
    "t7"."adoption",
    "t7"."adopted_quantity",
    "t7"."idle",
    "t7"."overage_periods_3",
    "t7"."periods_at_90_3",
    "t7"."complete_periods",
    "t7"."peak_3",
    "t7"."plan_used_1",
    "t7"."plan_used_2",
    "t7"."plan_used_3",
    "t7"."rate_now",
    "t7"."slope",
    "t7"."week_sd",
    "t7"."week_mean",
    "t7"."days_left",
    "t7"."used_28d",
    "t7"."used_prev_28d",
    "t7"."trend_28d",
    "t7"."trend_56d",
    "t7"."forecast_use",
    "t7"."forecast_high",
    "t7"."days_to_limit",
    "t7"."days_to_limit_low",
    "t7"."days_to_limit_high",
    "t7"."breach_forecast",
    "t7"."unused_day",
    "t7"."unused_look_days",
    CAST(GREATEST(
     COALESCE("t7"."forecast_high", 0),
     GREATEST("t7"."peak_3", COALESCE("t7"."used", 0))
    ) AS DOUBLE PRECISION) / CASE
     WHEN (
      "t7"."used" IS NOT NULL
     ) AND (
      "t7"."enforcement" <> 'auto'
     )
     THEN NULLIF(CAST("t7"."limit_quantity" AS DOUBLE PRECISION), 0.0)
     ELSE CAST(NULL AS DOUBLE PRECISION)
    END AS "need",
    CAST(GREATEST("t7"."peak_3", COALESCE("t7"."used", 0)) AS DOUBLE PRECISION) / CASE
     WHEN (
      "t7"."used" IS NOT NULL
     ) AND (
      "t7"."enforcement" <> 'auto'
     )
     THEN NULLIF(CAST("t7"."limit_quantity" AS DOUBLE PRECISION), 0.0)
     ELSE CAST(NULL AS DOUBLE PRECISION)
    END AS "peak",
    "t7"."value_meter"
    AND (
     COALESCE(
      (
       LEAST(
        COALESCE("t7"."used_1", -1),
        COALESCE("t7"."used_2", -1),
        COALESCE("t7"."used_3", -1)
       ) > 0
      )
      AND (
       CAST(GREATEST(
        COALESCE("t7"."used_1", -1),
        COALESCE("t7"."used_2", -1),
        COALESCE("t7"."used_3", -1)
       ) AS DOUBLE PRECISION) <= (
        (
         CAST(COALESCE("t7"."used_1", 0) + COALESCE("t7"."used_2", 0) + COALESCE("t7"."used_3", 0) AS DOUBLE PRECISION) / 3.0
        ) * 1.25
       )
      )
      AND (
       CAST(LEAST(
        COALESCE("t7"."used_1", -1),
        COALESCE("t7"."used_2", -1),
        COALESCE("t7"."used_3", -1)
       ) AS DOUBLE PRECISION) >= (
        (
         CAST(COALESCE("t7"."used_1", 0) + COALESCE("t7"."used_2", 0) + COALESCE("t7"."used_3", 0) AS DOUBLE PRECISION) / 3.0
        ) * 0.75
       )
      ),
      FALSE
     )
     OR (
      (
       "t7"."aggregate" = 'seats'
      ) AND COALESCE("t7"."adoption" >= 0.6, FALSE)
     )
    ) AS "steady"
   FROM "limit_profile" AS "t7"
  ) AS "t19"
  GROUP BY
   1,
   2
 ) AS "t21"
  ON "t16"."account_key" = "t21"."account_key"
  AND "t16"."product_id" = "t21"."product_id"
 LEFT OUTER JOIN (
  SELECT
   "t4"."plan_id",
   "t4"."plans_above"
  FROM "catalog_plan" AS "t4"
 ) AS "t14"
  ON "t16"."plan_id" = "t14"."plan_id"
 LEFT OUTER JOIN (
  SELECT
   "t5"."account_key",
   "t5"."product_id",
   SUM(
    CASE
     WHEN "t5"."is_top"
     AND (
      "t5"."requested" OR (
       "t5"."feature_gate_hits_28d" > 0
      )
     )
     THEN 1
     ELSE 0
    END
   ) AS "top_feature_asks"
  FROM "feature_profile" AS "t5"
  GROUP BY
   1,
   2
 ) AS "t18"
  ON "t16"."account_key" = "t18"."account_key"
  AND "t16"."product_id" = "t18"."product_id"
 CROSS JOIN (
  SELECT
   "t6"."as_of"
  FROM "today" AS "t6"
 ) AS "t15"
) AS stage;

-- add_on_profile 818a6a959b6b5eba
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "add_on_id",
 "plan_id",
 "add_on_kind",
 "first_value_reached",
 CAST("add_on_quantity" AS BIGINT) AS "add_on_quantity",
 "has_add_on"
FROM (
 WITH "t7" AS (
  SELECT
   "t2"."account_key",
   "t2"."product_id",
   "t2"."plan_id"
  FROM "owned" AS "t2"
 ), "t14" AS (
  SELECT
   "t11"."account_key",
   "t11"."product_id",
   "t11"."add_on_id",
   SUM("t11"."quantity") AS "add_on_quantity"
  FROM (
   SELECT
    *
   FROM "items" AS "t3"
   WHERE
    "t3"."is_live" AND "t3"."add_on_id" IS NOT NULL
  ) AS "t11"
  GROUP BY
   1,
   2,
   3
 )
 SELECT
  "t22"."account_key",
  "t22"."product_id",
  "t22"."add_on_id",
  "t22"."plan_id",
  "t22"."add_on_kind",
  "t22"."first_value_reached",
  COALESCE("t22"."add_on_quantity", 0) AS "add_on_quantity",
  "t22"."add_on_quantity" IS NOT NULL AS "has_add_on"
 FROM (
  SELECT
   "t21"."account_key",
   "t21"."product_id",
   "t21"."add_on_id",
   "t17"."add_on_quantity",
   "t8"."add_on_kind",
   "t12"."plan_id",
   "t9"."first_value_reached"
  FROM (
   SELECT
    *
   FROM (
    SELECT
     "t15"."account_key",
     "t15"."product_id",
     "t15"."add_on_id"
    FROM "t14" AS "t15"
   ) AS "t18"
   UNION
   SELECT
    *
   FROM (
    SELECT
     "t16"."account_key",
     "t16"."product_id",
     "t16"."add_on_id"
    FROM (
     SELECT
      "t13"."account_key",
      "t13"."product_id",
      "t13"."plan_id",
      "t4"."add_on_id",
      "t4"."add_on_kind"
     FROM "t7" AS "t13"
     INNER JOIN "catalog_add_on" AS "t4"
      ON "t13"."product_id" = "t4"."product_id" AND "t13"."plan_id" = "t4"."plan_id"
    ) AS "t16"
   ) AS "t19"
  ) AS "t21"
  LEFT OUTER JOIN "t14" AS "t17"
   ON "t21"."account_key" = "t17"."account_key"
   AND "t21"."product_id" = "t17"."product_id"
   AND "t21"."add_on_id" = "t17"."add_on_id"
  LEFT OUTER JOIN (
   SELECT DISTINCT
    "t0"."add_on_id",
    "t0"."add_on_kind"
   FROM "catalog_add_on" AS "t0"
  ) AS "t8"
   ON "t21"."add_on_id" = "t8"."add_on_id"
  LEFT OUTER JOIN "t7" AS "t12"
   ON "t21"."account_key" = "t12"."account_key"
   AND "t21"."product_id" = "t12"."product_id"
  LEFT OUTER JOIN (
   SELECT
    "t1"."account_key",
    "t1"."product_id",
    "t1"."first_value_reached"
   FROM "first_value" AS "t1"
  ) AS "t9"
   ON "t21"."account_key" = "t9"."account_key"
   AND "t21"."product_id" = "t9"."product_id"
 ) AS "t22"
) AS stage;

-- use_case_profile e9c327ae154e495d
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "meter_id",
 "use_case_id",
 "neighbour_id",
 CAST("use_case_used_28d" AS BIGINT) AS "use_case_used_28d",
 CAST("neighbour_used_28d" AS BIGINT) AS "neighbour_used_28d",
 CAST("neighbour_used_prev_28d" AS BIGINT) AS "neighbour_used_prev_28d",
 "is_included"
FROM (
 SELECT
  "t19"."account_key",
  "t19"."product_id",
  "t19"."meter_id",
  "t19"."use_case_id",
  "t19"."neighbour_id",
  COALESCE("t19"."own_28d", 0) AS "use_case_used_28d",
  COALESCE("t19"."neighbour_used_28d", 0) AS "neighbour_used_28d",
  COALESCE("t19"."neighbour_used_prev_28d", 0) AS "neighbour_used_prev_28d",
  COALESCE("t19"."given" <> 0, TRUE) AS "is_included"
 FROM (
  SELECT
   "t18"."account_key",
   "t18"."product_id",
   "t18"."use_case_id",
   "t18"."meter_id",
   "t18"."neighbour_id",
   "t18"."neighbour_meter_id",
   "t18"."neighbour_used_28d",
   "t18"."neighbour_used_prev_28d",
   "t8"."own_28d",
   "t10"."given"
  FROM (
   SELECT
    "t16"."account_key",
    "t16"."product_id",
    "t16"."use_case_id",
    "t16"."meter_id",
    "t16"."neighbour_id",
    "t16"."neighbour_meter_id",
    "t16"."neighbour_used_28d",
    "t16"."neighbour_used_prev_28d"
   FROM (
    SELECT
     *
    FROM (
     SELECT
      "t14"."account_key",
      "t14"."product_id",
      "t14"."use_case_id",
      "t14"."meter_id",
      "t14"."neighbour_id",
      "t14"."neighbour_meter_id",
      "t14"."neighbour_used_28d",
      "t14"."neighbour_used_prev_28d",
      ROW_NUMBER() OVER (
       PARTITION BY "t14"."account_key", "t14"."product_id", "t14"."meter_id"
       ORDER BY "t14"."neighbour_used_28d" DESC NULLS LAST, "t14"."neighbour_id" ASC
       ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) - 1 AS "place"
     FROM (
      SELECT
       "t11"."account_key",
       "t11"."product_id",
       "t13"."use_case_id",
       "t13"."meter_id",
       "t13"."neighbour_id",
       "t13"."neighbour_meter_id",
       "t9"."neighbour_used_28d",
       "t9"."neighbour_used_prev_28d"
      FROM (
       SELECT
        "t2"."account_key",
        "t2"."product_id"
       FROM "owned" AS "t2"
      ) AS "t11"
      INNER JOIN (
       SELECT
        *
       FROM "catalog_use_case" AS "t3"
       WHERE
        "t3"."neighbour_id" IS NOT NULL
      ) AS "t13"
       ON "t11"."product_id" = "t13"."product_id"
      INNER JOIN (
       SELECT
        "t0"."account_key",
        "t0"."meter_id" AS "neighbour_meter_id",
        "t0"."used_28d" AS "neighbour_used_28d",
        "t0"."used_prev_28d" AS "neighbour_used_prev_28d"
       FROM "meter_profile" AS "t0"
      ) AS "t9"
       ON "t11"."account_key" = "t9"."account_key"
       AND "t13"."neighbour_meter_id" = "t9"."neighbour_meter_id"
     ) AS "t14"
    ) AS "t15"
    WHERE
     "t15"."place" = 0
   ) AS "t16"
  ) AS "t18"
  LEFT OUTER JOIN (
   SELECT
    "t0"."account_key",
    "t0"."meter_id",
    "t0"."used_28d" AS "own_28d"
   FROM "meter_profile" AS "t0"
  ) AS "t8"
   ON "t18"."account_key" = "t8"."account_key" AND "t18"."meter_id" = "t8"."meter_id"
  LEFT OUTER JOIN (
   SELECT
    "t1"."account_key",
    "t1"."product_id",
    "t1"."meter_id",
    "t1"."limit_quantity" AS "given"
   FROM "limit_profile" AS "t1"
  ) AS "t10"
   ON "t18"."account_key" = "t10"."account_key"
   AND "t18"."product_id" = "t10"."product_id"
   AND "t18"."meter_id" = "t10"."meter_id"
 ) AS "t19"
) AS stage;

-- bundle_profile 47803121fd6fe28c
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "bundle_id",
 "product_id",
 CAST("bundle_owned" AS BIGINT) AS "bundle_owned",
 CAST("bundle_values_missing" AS BIGINT) AS "bundle_values_missing",
 CAST("bundle_missing" AS BIGINT) AS "bundle_missing"
FROM (
 SELECT
  "t9"."account_key",
  "t9"."bundle_id",
  "t9"."product_id",
  "t9"."bundle_owned",
  "t9"."bundle_values_missing",
  "t9"."bundle_size" - "t9"."bundle_owned" AS "bundle_missing"
 FROM (
  SELECT
   "t8"."account_key",
   "t8"."product_id",
   "t8"."first_value_reached",
   "t8"."bundle_id",
   "t8"."bundle_size",
   ROW_NUMBER() OVER (
    PARTITION BY "t8"."account_key", "t8"."bundle_id"
    ORDER BY CASE WHEN COALESCE("t8"."first_value_reached", FALSE) THEN 0 ELSE 1 END ASC, "t8"."product_id" ASC
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
   ) - 1 AS "place",
   COUNT("t8"."product_id") OVER (
    PARTITION BY "t8"."account_key", "t8"."bundle_id"
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
   ) AS "bundle_owned",
   SUM(CASE WHEN NOT (
    COALESCE("t8"."first_value_reached", TRUE)
   ) THEN 1 ELSE 0 END) OVER (
    PARTITION BY "t8"."account_key", "t8"."bundle_id"
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
   ) AS "bundle_values_missing"
  FROM (
   SELECT
    "t6"."account_key",
    "t6"."product_id",
    "t7"."first_value_reached",
    "t3"."bundle_id",
    "t3"."bundle_size"
   FROM (
    SELECT
     "t0"."account_key",
     "t0"."product_id"
    FROM "owned" AS "t0"
   ) AS "t6"
   LEFT OUTER JOIN (
    SELECT
     "t2"."account_key",
     "t2"."product_id",
     "t2"."first_value_reached"
    FROM "first_value" AS "t2"
   ) AS "t7"
    ON "t6"."account_key" = "t7"."account_key" AND "t6"."product_id" = "t7"."product_id"
   INNER JOIN "catalog_bundle" AS "t3"
    ON "t6"."product_id" = "t3"."product_id"
  ) AS "t8"
 ) AS "t9"
 WHERE
  "t9"."place" = 0 AND "t9"."bundle_owned" >= 2
) AS stage;

-- input_limit 58a8570a20282706
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "meter_id",
 CAST("used" AS BIGINT) AS "used",
 CAST("limit_quantity" AS BIGINT) AS "limit_quantity",
 "utilisation",
 CAST("used_1" AS BIGINT) AS "used_1",
 CAST("used_2" AS BIGINT) AS "used_2",
 CAST("used_3" AS BIGINT) AS "used_3",
 CAST("forecast_use" AS BIGINT) AS "forecast_use",
 "days_to_limit",
 "days_to_limit_low",
 "days_to_limit_high",
 "days_left",
 "adoption",
 "value_meter",
 "is_paid",
 "aggregate",
 "enforcement",
 "breach_forecast",
 CAST("periods_at_90_3" AS BIGINT) AS "periods_at_90_3",
 CAST("overage_periods_3" AS BIGINT) AS "overage_periods_3",
 "trend_56d",
 "is_advanced",
 CAST("unused_day" AS INT) AS "unused_day",
 CAST("unused_look_days" AS BIGINT) AS "unused_look_days",
 CAST("starts_0" AS BIGINT) AS "starts_0",
 CAST("starts_1" AS BIGINT) AS "starts_1",
 CAST("starts_2" AS BIGINT) AS "starts_2",
 CAST("starts_3" AS BIGINT) AS "starts_3",
 CAST("starts_next" AS BIGINT) AS "starts_next",
 "basis",
 "plan_id",
 CAST("new_users_28d" AS BIGINT) AS "new_users_28d",
 CAST("new_users_prev_28d" AS BIGINT) AS "new_users_prev_28d",
 CAST("customer_growth_180d" AS BIGINT) AS "customer_growth_180d"
FROM (
 SELECT
  "t4"."account_key",
  "t4"."product_id",
  "t4"."meter_id",
  "t4"."used",
  "t4"."limit_quantity",
  "t4"."utilisation",
  "t4"."used_1",
  "t4"."used_2",
  "t4"."used_3",
  "t4"."forecast_use",
  "t4"."days_to_limit",
  "t4"."days_to_limit_low",
  "t4"."days_to_limit_high",
  "t4"."days_left",
  "t4"."adoption",
  "t4"."value_meter",
  "t4"."is_paid",
  "t4"."aggregate",
  "t4"."enforcement",
  "t4"."breach_forecast",
  "t4"."periods_at_90_3",
  "t4"."overage_periods_3",
  "t4"."trend_56d",
  "t4"."is_advanced",
  "t4"."unused_day",
  "t4"."unused_look_days",
  "t4"."starts_0",
  "t4"."starts_1",
  "t4"."starts_2",
  "t4"."starts_3",
  "t4"."starts_next",
  "t4"."basis",
  "t4"."plan_id",
  "t5"."new_users_28d",
  "t5"."new_users_prev_28d",
  "t5"."customer_growth_180d"
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."meter_id",
   "t0"."used",
   "t0"."limit_quantity",
   "t0"."utilisation",
   "t0"."used_1",
   "t0"."used_2",
   "t0"."used_3",
   "t0"."forecast_use",
   "t0"."days_to_limit",
   "t0"."days_to_limit_low",
   "t0"."days_to_limit_high",
   "t0"."days_left",
   "t0"."adoption",
   "t0"."value_meter",
   "t0"."is_paid",
   "t0"."aggregate",
   "t0"."enforcement",
   "t0"."breach_forecast",
   "t0"."periods_at_90_3",
   "t0"."overage_periods_3",
   "t0"."trend_56d",
   "t0"."is_advanced",
   "t0"."unused_day",
   "t0"."unused_look_days",
   "t0"."starts_0",
   "t0"."starts_1",
   "t0"."starts_2",
   "t0"."starts_3",
   "t0"."starts_next",
   "t0"."basis",
   "t0"."plan_id"
  FROM "limit_profile" AS "t0"
 ) AS "t4"
 LEFT OUTER JOIN (
  SELECT
   "t1"."account_key",
   "t1"."new_users_28d",
   "t1"."new_users_prev_28d",
   "t1"."customer_growth_180d"
  FROM "account_profile" AS "t1"
 ) AS "t5"
  ON "t4"."account_key" = "t5"."account_key"
) AS stage;

-- fired_limit 4d250faf7cd8d17b
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "meter_id",
 CAST("used" AS BIGINT) AS "used",
 CAST("limit_quantity" AS BIGINT) AS "limit_quantity",
 "utilisation",
 CAST("used_1" AS BIGINT) AS "used_1",
 CAST("used_2" AS BIGINT) AS "used_2",
 CAST("used_3" AS BIGINT) AS "used_3",
 CAST("forecast_use" AS BIGINT) AS "forecast_use",
 "days_to_limit",
 "days_to_limit_low",
 "days_to_limit_high",
 "days_left",
 "adoption",
 "value_meter",
 "is_paid",
 "aggregate",
 "enforcement",
 CAST("new_users_28d" AS BIGINT) AS "new_users_28d",
 CAST("new_users_prev_28d" AS BIGINT) AS "new_users_prev_28d",
 "breach_forecast",
 CAST("periods_at_90_3" AS BIGINT) AS "periods_at_90_3",
 CAST("overage_periods_3" AS BIGINT) AS "overage_periods_3",
 CAST("customer_growth_180d" AS BIGINT) AS "customer_growth_180d",
 "trend_56d",
 "is_advanced",
 CAST("unused_day" AS INT) AS "unused_day",
 CAST("unused_look_days" AS BIGINT) AS "unused_look_days",
 CAST("starts_0" AS BIGINT) AS "starts_0",
 CAST("starts_1" AS BIGINT) AS "starts_1",
 CAST("starts_2" AS BIGINT) AS "starts_2",
 CAST("starts_3" AS BIGINT) AS "starts_3",
 CAST("starts_next" AS BIGINT) AS "starts_next",
 "basis",
 "plan_id",
 CAST("play" AS INT) AS "play",
 CAST("rungs" AS INT) AS "rungs"
FROM (
 SELECT
  *
 FROM (
  SELECT
   *
  FROM (
   SELECT
    *
   FROM (
    SELECT
     *
    FROM (
     SELECT
      *
     FROM (
      SELECT
       *
      FROM (
       SELECT
        *
       FROM (
        SELECT
         *
        FROM (
         SELECT
          "t0"."account_key",
          "t0"."product_id",
          "t0"."meter_id",
          "t0"."used",
          "t0"."limit_quantity",
          "t0"."utilisation",
          "t0"."used_1",
          "t0"."used_2",
          "t0"."used_3",
          "t0"."forecast_use",
          "t0"."days_to_limit",
          "t0"."days_to_limit_low",
          "t0"."days_to_limit_high",
          "t0"."days_left",
          "t0"."adoption",
          "t0"."value_meter",
          "t0"."is_paid",
          "t0"."aggregate",
          "t0"."enforcement",
          "t0"."new_users_28d",
          "t0"."new_users_prev_28d",
          "t0"."breach_forecast",
          "t0"."periods_at_90_3",
          "t0"."overage_periods_3",
          "t0"."customer_growth_180d",
          "t0"."trend_56d",
          "t0"."is_advanced",
          "t0"."unused_day",
          "t0"."unused_look_days",
          "t0"."starts_0",
          "t0"."starts_1",
          "t0"."starts_2",
          "t0"."starts_3",
          "t0"."starts_next",
          "t0"."basis",
          "t0"."plan_id",
          0 AS "play",
          CAST(NULL AS INT) AS "rungs"
         FROM "input_limit" AS "t0"
         WHERE
          "t0"."value_meter"
          AND "t0"."adoption" <= 0.4
          AND "t0"."limit_quantity" > 0
          AND "t0"."is_paid"
        ) AS "t1"
        UNION ALL
        SELECT
         *
        FROM (
         SELECT
          "t0"."account_key",
          "t0"."product_id",
          "t0"."meter_id",
          "t0"."used",
          "t0"."limit_quantity",
          "t0"."utilisation",
          "t0"."used_1",
          "t0"."used_2",
          "t0"."used_3",
          "t0"."forecast_use",
          "t0"."days_to_limit",
          "t0"."days_to_limit_low",
          "t0"."days_to_limit_high",
          "t0"."days_left",
          "t0"."adoption",
          "t0"."value_meter",
          "t0"."is_paid",
          "t0"."aggregate",
          "t0"."enforcement",
          "t0"."new_users_28d",
          "t0"."new_users_prev_28d",
          "t0"."breach_forecast",
          "t0"."periods_at_90_3",
          "t0"."overage_periods_3",
          "t0"."customer_growth_180d",
          "t0"."trend_56d",
          "t0"."is_advanced",
          "t0"."unused_day",
          "t0"."unused_look_days",
          "t0"."starts_0",
          "t0"."starts_1",
          "t0"."starts_2",
          "t0"."starts_3",
          "t0"."starts_next",
          "t0"."basis",
          "t0"."plan_id",
          9 AS "play",
          CAST(NULL AS INT) AS "rungs"
         FROM "input_limit" AS "t0"
         WHERE
          "t0"."aggregate" = 'seats'
          AND "t0"."enforcement" <> 'auto'
          AND "t0"."new_users_28d" >= 3
          AND "t0"."new_users_prev_28d" >= 1
          AND "t0"."utilisation" >= 0.6
        ) AS "t3"
       ) AS "t7"
       UNION ALL
       SELECT
        *
       FROM (
        SELECT
         "t0"."account_key",
         "t0"."product_id",
         "t0"."meter_id",
         "t0"."used",
         "t0"."limit_quantity",
         "t0"."utilisation",
         "t0"."used_1",
         "t0"."used_2",
         "t0"."used_3",
         "t0"."forecast_use",
         "t0"."days_to_limit",
         "t0"."days_to_limit_low",
         "t0"."days_to_limit_high",
         "t0"."days_left",
         "t0"."adoption",
         "t0"."value_meter",
         "t0"."is_paid",
         "t0"."aggregate",
         "t0"."enforcement",
         "t0"."new_users_28d",
         "t0"."new_users_prev_28d",
         "t0"."breach_forecast",
         "t0"."periods_at_90_3",
         "t0"."overage_periods_3",
         "t0"."customer_growth_180d",
         "t0"."trend_56d",
         "t0"."is_advanced",
         "t0"."unused_day",
         "t0"."unused_look_days",
         "t0"."starts_0",
         "t0"."starts_1",
         "t0"."starts_2",
         "t0"."starts_3",
         "t0"."starts_next",
         "t0"."basis",
         "t0"."plan_id",
         11 AS "play",
         CAST(CASE
          WHEN COALESCE(
           (
            "t0"."limit_quantity" > 0
           )
           AND (
            (
             "t0"."used" * 100
            ) >= (
             "t0"."limit_quantity" * 90
            )
           )
           AND (
            "t0"."breach_forecast" OR (
             "t0"."periods_at_90_3" >= 2
            )
           ),
           FALSE
          )
          THEN 1
          ELSE 0
         END + CASE
          WHEN COALESCE(
           (
            "t0"."limit_quantity" > 0
           )
           AND (
            (
             "t0"."used" * 100
            ) >= (
             "t0"."limit_quantity" * 100
            )
           ),
           FALSE
          )
          THEN 2
          ELSE 0
         END AS INT) AS "rungs"
        FROM "input_limit" AS "t0"
        WHERE
         "t0"."enforcement" <> 'auto'
         AND "t0"."aggregate" <> 'seats'
         AND "t0"."limit_quantity" > 0
         AND (
          "t0"."used" * 100
         ) >= (
          "t0"."limit_quantity" * 80
         )
       ) AS "t10"
      ) AS "t11"
      UNION ALL
      SELECT
       *
      FROM (
       SELECT
        "t0"."account_key",
        "t0"."product_id",
        "t0"."meter_id",
        "t0"."used",
        "t0"."limit_quantity",
        "t0"."utilisation",
        "t0"."used_1",
        "t0"."used_2",
        "t0"."used_3",
        "t0"."forecast_use",
        "t0"."days_to_limit",
        "t0"."days_to_limit_low",
        "t0"."days_to_limit_high",
        "t0"."days_left",
        "t0"."adoption",
        "t0"."value_meter",
        "t0"."is_paid",
        "t0"."aggregate",
        "t0"."enforcement",
        "t0"."new_users_28d",
        "t0"."new_users_prev_28d",
        "t0"."breach_forecast",
        "t0"."periods_at_90_3",
        "t0"."overage_periods_3",
        "t0"."customer_growth_180d",
        "t0"."trend_56d",
        "t0"."is_advanced",
        "t0"."unused_day",
        "t0"."unused_look_days",
        "t0"."starts_0",
        "t0"."starts_1",
        "t0"."starts_2",
        "t0"."starts_3",
        "t0"."starts_next",
        "t0"."basis",
        "t0"."plan_id",
        12 AS "play",
        CAST(NULL AS INT) AS "rungs"
       FROM "input_limit" AS "t0"
       WHERE
        "t0"."enforcement" <> 'auto'
        AND "t0"."aggregate" <> 'seats'
        AND NOT (
         (
          "t0"."limit_quantity" > 0
         )
         AND (
          (
           "t0"."used" * 100
          ) >= (
           "t0"."limit_quantity" * 80
          )
         )
        )
        AND "t0"."utilisation" >= 0.5
        AND "t0"."breach_forecast"
      ) AS "t9"
     ) AS "t12"
     UNION ALL
     SELECT
      *
     FROM (
      SELECT
       "t0"."account_key",
       "t0"."product_id",
       "t0"."meter_id",
       "t0"."used",
       "t0"."limit_quantity",
       "t0"."utilisation",
       "t0"."used_1",
       "t0"."used_2",
       "t0"."used_3",
       "t0"."forecast_use",
       "t0"."days_to_limit",
       "t0"."days_to_limit_low",
       "t0"."days_to_limit_high",
       "t0"."days_left",
       "t0"."adoption",
       "t0"."value_meter",
       "t0"."is_paid",
       "t0"."aggregate",
       "t0"."enforcement",
       "t0"."new_users_28d",
       "t0"."new_users_prev_28d",
       "t0"."breach_forecast",
       "t0"."periods_at_90_3",
       "t0"."overage_periods_3",
       "t0"."customer_growth_180d",
       "t0"."trend_56d",
       "t0"."is_advanced",
       "t0"."unused_day",
       "t0"."unused_look_days",
       "t0"."starts_0",
       "t0"."starts_1",
       "t0"."starts_2",
       "t0"."starts_3",
       "t0"."starts_next",
       "t0"."basis",
       "t0"."plan_id",
       15 AS "play",
       CAST(NULL AS INT) AS "rungs"
      FROM "input_limit" AS "t0"
      WHERE
       "t0"."enforcement" = 'overage' AND "t0"."overage_periods_3" >= 2
     ) AS "t4"
    ) AS "t13"
    UNION ALL
    SELECT
     *
    FROM (
     SELECT
      "t0"."account_key",
      "t0"."product_id",
      "t0"."meter_id",
      "t0"."used",
      "t0"."limit_quantity",
      "t0"."utilisation",
      "t0"."used_1",
      "t0"."used_2",
      "t0"."used_3",
      "t0"."forecast_use",
      "t0"."days_to_limit",
      "t0"."days_to_limit_low",
      "t0"."days_to_limit_high",
      "t0"."days_left",
      "t0"."adoption",
      "t0"."value_meter",
      "t0"."is_paid",
      "t0"."aggregate",
      "t0"."enforcement",
      "t0"."new_users_28d",
      "t0"."new_users_prev_28d",
      "t0"."breach_forecast",
      "t0"."periods_at_90_3",
      "t0"."overage_periods_3",
      "t0"."customer_growth_180d",
      "t0"."trend_56d",
      "t0"."is_advanced",
      "t0"."unused_day",
      "t0"."unused_look_days",
      "t0"."starts_0",
      "t0"."starts_1",
      "t0"."starts_2",
      "t0"."starts_3",
      "t0"."starts_next",
      "t0"."basis",
      "t0"."plan_id",
      16 AS "play",
      CAST(NULL AS INT) AS "rungs"
     FROM "input_limit" AS "t0"
     WHERE
      "t0"."customer_growth_180d" >= 1
      AND "t0"."value_meter"
      AND "t0"."enforcement" <> 'auto'
      AND "t0"."utilisation" >= 0.4
      AND "t0"."trend_56d" >= 0.1
    ) AS "t5"
   ) AS "t14"
   UNION ALL
   SELECT
    *
   FROM (
    SELECT
     "t0"."account_key",
     "t0"."product_id",
     "t0"."meter_id",
     "t0"."used",
     "t0"."limit_quantity",
     "t0"."utilisation",
     "t0"."used_1",
     "t0"."used_2",
     "t0"."used_3",
     "t0"."forecast_use",
     "t0"."days_to_limit",
     "t0"."days_to_limit_low",
     "t0"."days_to_limit_high",
     "t0"."days_left",
     "t0"."adoption",
     "t0"."value_meter",
     "t0"."is_paid",
     "t0"."aggregate",
     "t0"."enforcement",
     "t0"."new_users_28d",
     "t0"."new_users_prev_28d",
     "t0"."breach_forecast",
     "t0"."periods_at_90_3",
     "t0"."overage_periods_3",
     "t0"."customer_growth_180d",
     "t0"."trend_56d",
     "t0"."is_advanced",
     "t0"."unused_day",
     "t0"."unused_look_days",
     "t0"."starts_0",
     "t0"."starts_1",
     "t0"."starts_2",
     "t0"."starts_3",
     "t0"."starts_next",
     "t0"."basis",
     "t0"."plan_id",
     18 AS "play",
     CAST(NULL AS INT) AS "rungs"
    FROM "input_limit" AS "t0"
    WHERE
     "t0"."is_advanced"
     AND "t0"."enforcement" <> 'auto'
     AND "t0"."limit_quantity" > 0
     AND "t0"."used_1" >= (
      CAST("t0"."limit_quantity" AS DOUBLE PRECISION) * 0.7
     )
     AND "t0"."used_2" >= (
      CAST("t0"."limit_quantity" AS DOUBLE PRECISION) * 0.7
     )
   ) AS "t8"
  ) AS "t15"
  UNION ALL
  SELECT
   *
  FROM (
   SELECT
    "t0"."account_key",
    "t0"."product_id",
    "t0"."meter_id",
    "t0"."used",
    "t0"."limit_quantity",
    "t0"."utilisation",
    "t0"."used_1",
    "t0"."used_2",
    "t0"."used_3",
    "t0"."forecast_use",
    "t0"."days_to_limit",
    "t0"."days_to_limit_low",
    "t0"."days_to_limit_high",
    "t0"."days_left",
    "t0"."adoption",
    "t0"."value_meter",
    "t0"."is_paid",
    "t0"."aggregate",
    "t0"."enforcement",
    "t0"."new_users_28d",
    "t0"."new_users_prev_28d",
    "t0"."breach_forecast",
    "t0"."periods_at_90_3",
    "t0"."overage_periods_3",
    "t0"."customer_growth_180d",
    "t0"."trend_56d",
    "t0"."is_advanced",
    "t0"."unused_day",
    "t0"."unused_look_days",
    "t0"."starts_0",
    "t0"."starts_1",
    "t0"."starts_2",
    "t0"."starts_3",
    "t0"."starts_next",
    "t0"."basis",
    "t0"."plan_id",
    23 AS "play",
    CAST(NULL AS INT) AS "rungs"
   FROM "input_limit" AS "t0"
   WHERE
    "t0"."aggregate" = 'seats'
    AND "t0"."enforcement" <> 'auto'
    AND "t0"."limit_quantity" >= 5
    AND "t0"."utilisation" > 0.85
    AND "t0"."adoption" > 0.85
  ) AS "t2"
 ) AS "t16"
 UNION ALL
 SELECT
  *
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."meter_id",
   "t0"."used",
   "t0"."limit_quantity",
   "t0"."utilisation",
   "t0"."used_1",
   "t0"."used_2",
   "t0"."used_3",
   "t0"."forecast_use",
   "t0"."days_to_limit",
   "t0"."days_to_limit_low",
   "t0"."days_to_limit_high",
   "t0"."days_left",
   "t0"."adoption",
   "t0"."value_meter",
   "t0"."is_paid",
   "t0"."aggregate",
   "t0"."enforcement",
   "t0"."new_users_28d",
   "t0"."new_users_prev_28d",
   "t0"."breach_forecast",
   "t0"."periods_at_90_3",
   "t0"."overage_periods_3",
   "t0"."customer_growth_180d",
   "t0"."trend_56d",
   "t0"."is_advanced",
   "t0"."unused_day",
   "t0"."unused_look_days",
   "t0"."starts_0",
   "t0"."starts_1",
   "t0"."starts_2",
   "t0"."starts_3",
   "t0"."starts_next",
   "t0"."basis",
   "t0"."plan_id",
   26 AS "play",
   CAST(NULL AS INT) AS "rungs"
  FROM "input_limit" AS "t0"
  WHERE
   "t0"."unused_day" >= 14
   AND "t0"."unused_look_days" <= 30
   AND "t0"."utilisation" <= 0.4
   AND "t0"."limit_quantity" > 0
   AND "t0"."is_paid"
 ) AS "t6"
) AS stage;

-- input_product 70b6467fd59223ab
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "partner_product_id",
 "own_product_id",
 "partner_first_value_reached",
 "partner_kind",
 CAST("partner_completed_days" AS BIGINT) AS "partner_completed_days",
 CAST("other_vendors_365d" AS BIGINT) AS "other_vendors_365d",
 CAST("hires_180d" AS BIGINT) AS "hires_180d",
 CAST("new_buyers_180d" AS BIGINT) AS "new_buyers_180d",
 CAST("initiatives_180d" AS BIGINT) AS "initiatives_180d",
 CAST("partner_purchases_365d" AS BIGINT) AS "partner_purchases_365d",
 CAST("partner_holds" AS BIGINT) AS "partner_holds",
 CAST("partner_milestones" AS BIGINT) AS "partner_milestones",
 "partner_currency",
 CAST("partner_spent_minor" AS BIGINT) AS "partner_spent_minor",
 CAST("onboarded_days" AS BIGINT) AS "onboarded_days",
 "at_checkout",
 "in_annual_review",
 "in_renewal_window"
FROM (
 SELECT
  "t4"."account_key",
  "t4"."product_id",
  "t4"."partner_product_id",
  "t4"."own_product_id",
  "t4"."partner_first_value_reached",
  "t4"."partner_kind",
  "t4"."partner_completed_days",
  "t4"."other_vendors_365d",
  "t4"."hires_180d",
  "t4"."new_buyers_180d",
  "t4"."initiatives_180d",
  "t4"."partner_purchases_365d",
  "t4"."partner_holds",
  "t4"."partner_milestones",
  "t4"."partner_currency",
  "t4"."partner_spent_minor",
  "t5"."onboarded_days",
  "t5"."at_checkout",
  "t5"."in_annual_review",
  "t5"."in_renewal_window"
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."partner_product_id",
   "t0"."own_product_id",
   "t0"."partner_first_value_reached",
   "t0"."partner_kind",
   "t0"."partner_completed_days",
   "t0"."other_vendors_365d",
   "t0"."hires_180d",
   "t0"."new_buyers_180d",
   "t0"."initiatives_180d",
   "t0"."partner_purchases_365d",
   "t0"."partner_holds",
   "t0"."partner_milestones",
   "t0"."partner_currency",
   "t0"."partner_spent_minor"
  FROM "product_profile" AS "t0"
 ) AS "t4"
 LEFT OUTER JOIN (
  SELECT
   "t1"."account_key",
   "t1"."onboarded_days",
   "t1"."at_checkout",
   "t1"."in_annual_review",
   "t1"."in_renewal_window"
  FROM "account_profile" AS "t1"
 ) AS "t5"
  ON "t4"."account_key" = "t5"."account_key"
) AS stage;

-- fired_product 0d686f8630a08b0a
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "partner_product_id",
 "own_product_id",
 "partner_first_value_reached",
 "partner_kind",
 CAST("partner_completed_days" AS BIGINT) AS "partner_completed_days",
 CAST("other_vendors_365d" AS BIGINT) AS "other_vendors_365d",
 CAST("onboarded_days" AS BIGINT) AS "onboarded_days",
 "at_checkout",
 "in_annual_review",
 "in_renewal_window",
 CAST("hires_180d" AS BIGINT) AS "hires_180d",
 CAST("new_buyers_180d" AS BIGINT) AS "new_buyers_180d",
 CAST("initiatives_180d" AS BIGINT) AS "initiatives_180d",
 CAST("partner_purchases_365d" AS BIGINT) AS "partner_purchases_365d",
 CAST("partner_holds" AS BIGINT) AS "partner_holds",
 CAST("partner_milestones" AS BIGINT) AS "partner_milestones",
 "partner_currency",
 CAST("partner_spent_minor" AS BIGINT) AS "partner_spent_minor",
 CAST("play" AS INT) AS "play",
 CAST("rungs" AS INT) AS "rungs"
FROM (
 SELECT
  *
 FROM (
  SELECT
   *
  FROM (
   SELECT
    *
   FROM (
    SELECT
     *
    FROM (
     SELECT
      *
     FROM (
      SELECT
       *
      FROM (
       SELECT
        *
       FROM (
        SELECT
         *
        FROM (
         SELECT
          "t0"."account_key",
          "t0"."product_id",
          "t0"."partner_product_id",
          "t0"."own_product_id",
          "t0"."partner_first_value_reached",
          "t0"."partner_kind",
          "t0"."partner_completed_days",
          "t0"."other_vendors_365d",
          "t0"."onboarded_days",
          "t0"."at_checkout",
          "t0"."in_annual_review",
          "t0"."in_renewal_window",
          "t0"."hires_180d",
          "t0"."new_buyers_180d",
          "t0"."initiatives_180d",
          "t0"."partner_purchases_365d",
          "t0"."partner_holds",
          "t0"."partner_milestones",
          "t0"."partner_currency",
          "t0"."partner_spent_minor",
          3 AS "play",
          CAST(NULL AS INT) AS "rungs"
         FROM "input_product" AS "t0"
         WHERE
          "t0"."partner_kind" = 'complement'
          AND (
           (
            "t0"."partner_first_value_reached" IS NULL
           )
           OR "t0"."partner_first_value_reached"
          )
        ) AS "t6"
        UNION ALL
        SELECT
         *
        FROM (
         SELECT
          "t0"."account_key",
          "t0"."product_id",
          "t0"."partner_product_id",
          "t0"."own_product_id",
          "t0"."partner_first_value_reached",
          "t0"."partner_kind",
          "t0"."partner_completed_days",
          "t0"."other_vendors_365d",
          "t0"."onboarded_days",
          "t0"."at_checkout",
          "t0"."in_annual_review",
          "t0"."in_renewal_window",
          "t0"."hires_180d",
          "t0"."new_buyers_180d",
          "t0"."initiatives_180d",
          "t0"."partner_purchases_365d",
          "t0"."partner_holds",
          "t0"."partner_milestones",
          "t0"."partner_currency",
          "t0"."partner_spent_minor",
          4 AS "play",
          CAST(NULL AS INT) AS "rungs"
         FROM "input_product" AS "t0"
         WHERE
          "t0"."partner_kind" = 'completion' AND "t0"."partner_completed_days" <= 60
        ) AS "t1"
       ) AS "t9"
       UNION ALL
       SELECT
        *
       FROM (
        SELECT
         "t0"."account_key",
         "t0"."product_id",
         "t0"."partner_product_id",
         "t0"."own_product_id",
         "t0"."partner_first_value_reached",
         "t0"."partner_kind",
         "t0"."partner_completed_days",
         "t0"."other_vendors_365d",
         "t0"."onboarded_days",
         "t0"."at_checkout",
         "t0"."in_annual_review",
         "t0"."in_renewal_window",
         "t0"."hires_180d",
         "t0"."new_buyers_180d",
         "t0"."initiatives_180d",
         "t0"."partner_purchases_365d",
         "t0"."partner_holds",
         "t0"."partner_milestones",
         "t0"."partner_currency",
         "t0"."partner_spent_minor",
         5 AS "play",
         CAST(NULL AS INT) AS "rungs"
        FROM "input_product" AS "t0"
        WHERE
         "t0"."other_vendors_365d" >= 1
       ) AS "t2"
      ) AS "t10"
      UNION ALL
      SELECT
       *
      FROM (
       SELECT
        "t0"."account_key",
        "t0"."product_id",
        "t0"."partner_product_id",
        "t0"."own_product_id",
        "t0"."partner_first_value_reached",
        "t0"."partner_kind",
        "t0"."partner_completed_days",
        "t0"."other_vendors_365d",
        "t0"."onboarded_days",
        "t0"."at_checkout",
        "t0"."in_annual_review",
        "t0"."in_renewal_window",
        "t0"."hires_180d",
        "t0"."new_buyers_180d",
        "t0"."initiatives_180d",
        "t0"."partner_purchases_365d",
        "t0"."partner_holds",
        "t0"."partner_milestones",
        "t0"."partner_currency",
        "t0"."partner_spent_minor",
        10 AS "play",
        CAST(NULL AS INT) AS "rungs"
       FROM "input_product" AS "t0"
       WHERE
        "t0"."partner_kind" = 'complement'
        AND (
         (
          "t0"."partner_first_value_reached" IS NULL
         )
         OR "t0"."partner_first_value_reached"
        )
        AND (
         (
          (
           "t0"."onboarded_days" >= 60
          ) AND (
           "t0"."onboarded_days" < 90
          )
         )
         OR "t0"."at_checkout"
         OR "t0"."in_annual_review"
        )
        AND NOT (
         "t0"."in_renewal_window"
        )
      ) AS "t11"
     ) AS "t12"
     UNION ALL
     SELECT
      *
     FROM (
      SELECT
       "t0"."account_key",
       "t0"."product_id",
       "t0"."partner_product_id",
       "t0"."own_product_id",
       "t0"."partner_first_value_reached",
       "t0"."partner_kind",
       "t0"."partner_completed_days",
       "t0"."other_vendors_365d",
       "t0"."onboarded_days",
       "t0"."at_checkout",
       "t0"."in_annual_review",
       "t0"."in_renewal_window",
       "t0"."hires_180d",
       "t0"."new_buyers_180d",
       "t0"."initiatives_180d",
       "t0"."partner_purchases_365d",
       "t0"."partner_holds",
       "t0"."partner_milestones",
       "t0"."partner_currency",
       "t0"."partner_spent_minor",
       13 AS "play",
       CAST(NULL AS INT) AS "rungs"
      FROM "input_product" AS "t0"
      WHERE
       (
        "t0"."hires_180d" >= 1
       ) OR (
        "t0"."new_buyers_180d" >= 1
       )
     ) AS "t7"
    ) AS "t13"
    UNION ALL
    SELECT
     *
    FROM (
     SELECT
      "t0"."account_key",
      "t0"."product_id",
      "t0"."partner_product_id",
      "t0"."own_product_id",
      "t0"."partner_first_value_reached",
      "t0"."partner_kind",
      "t0"."partner_completed_days",
      "t0"."other_vendors_365d",
      "t0"."onboarded_days",
      "t0"."at_checkout",
      "t0"."in_annual_review",
      "t0"."in_renewal_window",
      "t0"."hires_180d",
      "t0"."new_buyers_180d",
      "t0"."initiatives_180d",
      "t0"."partner_purchases_365d",
      "t0"."partner_holds",
      "t0"."partner_milestones",
      "t0"."partner_currency",
      "t0"."partner_spent_minor",
      14 AS "play",
      CAST(NULL AS INT) AS "rungs"
     FROM "input_product" AS "t0"
     WHERE
      "t0"."initiatives_180d" >= 1
    ) AS "t3"
   ) AS "t14"
   UNION ALL
   SELECT
    *
   FROM (
    SELECT
     "t0"."account_key",
     "t0"."product_id",
     "t0"."partner_product_id",
     "t0"."own_product_id",
     "t0"."partner_first_value_reached",
     "t0"."partner_kind",
     "t0"."partner_completed_days",
     "t0"."other_vendors_365d",
     "t0"."onboarded_days",
     "t0"."at_checkout",
     "t0"."in_annual_review",
     "t0"."in_renewal_window",
     "t0"."hires_180d",
     "t0"."new_buyers_180d",
     "t0"."initiatives_180d",
     "t0"."partner_purchases_365d",
     "t0"."partner_holds",
     "t0"."partner_milestones",
     "t0"."partner_currency",
     "t0"."partner_spent_minor",
     17 AS "play",
     CAST(NULL AS INT) AS "rungs"
    FROM "input_product" AS "t0"
    WHERE
     "t0"."partner_kind" = 'larger'
     AND "t0"."partner_purchases_365d" >= "t0"."partner_holds"
   ) AS "t5"
  ) AS "t15"
  UNION ALL
  SELECT
   *
  FROM (
   SELECT
    "t0"."account_key",
    "t0"."product_id",
    "t0"."partner_product_id",
    "t0"."own_product_id",
    "t0"."partner_first_value_reached",
    "t0"."partner_kind",
    "t0"."partner_completed_days",
    "t0"."other_vendors_365d",
    "t0"."onboarded_days",
    "t0"."at_checkout",
    "t0"."in_annual_review",
    "t0"."in_renewal_window",
    "t0"."hires_180d",
    "t0"."new_buyers_180d",
    "t0"."initiatives_180d",
    "t0"."partner_purchases_365d",
    "t0"."partner_holds",
    "t0"."partner_milestones",
    "t0"."partner_currency",
    "t0"."partner_spent_minor",
    19 AS "play",
    CAST(NULL AS INT) AS "rungs"
   FROM "input_product" AS "t0"
   WHERE
    "t0"."partner_kind" = 'related'
    AND (
     (
      "t0"."partner_completed_days" <= 60
     ) OR (
      "t0"."partner_milestones" >= 1
     )
    )
  ) AS "t8"
 ) AS "t16"
 UNION ALL
 SELECT
  *
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."partner_product_id",
   "t0"."own_product_id",
   "t0"."partner_first_value_reached",
   "t0"."partner_kind",
   "t0"."partner_completed_days",
   "t0"."other_vendors_365d",
   "t0"."onboarded_days",
   "t0"."at_checkout",
   "t0"."in_annual_review",
   "t0"."in_renewal_window",
   "t0"."hires_180d",
   "t0"."new_buyers_180d",
   "t0"."initiatives_180d",
   "t0"."partner_purchases_365d",
   "t0"."partner_holds",
   "t0"."partner_milestones",
   "t0"."partner_currency",
   "t0"."partner_spent_minor",
   21 AS "play",
   CAST(NULL AS INT) AS "rungs"
  FROM "input_product" AS "t0"
  WHERE
   "t0"."partner_kind" = 'retainer' AND "t0"."partner_purchases_365d" >= 4
 ) AS "t4"
) AS stage;

-- input_use_case a7404f422846b4e2
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "meter_id",
 "use_case_id",
 "neighbour_id",
 "is_included",
 CAST("use_case_used_28d" AS BIGINT) AS "use_case_used_28d",
 CAST("neighbour_used_28d" AS BIGINT) AS "neighbour_used_28d",
 CAST("neighbour_used_prev_28d" AS BIGINT) AS "neighbour_used_prev_28d",
 CAST("tenure_days" AS BIGINT) AS "tenure_days"
FROM (
 SELECT
  "t4"."account_key",
  "t4"."product_id",
  "t4"."meter_id",
  "t4"."use_case_id",
  "t4"."neighbour_id",
  "t4"."is_included",
  "t4"."use_case_used_28d",
  "t4"."neighbour_used_28d",
  "t4"."neighbour_used_prev_28d",
  "t5"."tenure_days"
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."meter_id",
   "t0"."use_case_id",
   "t0"."neighbour_id",
   "t0"."is_included",
   "t0"."use_case_used_28d",
   "t0"."neighbour_used_28d",
   "t0"."neighbour_used_prev_28d"
  FROM "use_case_profile" AS "t0"
 ) AS "t4"
 LEFT OUTER JOIN (
  SELECT
   "t1"."account_key",
   "t1"."tenure_days"
  FROM "account_profile" AS "t1"
 ) AS "t5"
  ON "t4"."account_key" = "t5"."account_key"
) AS stage;

-- fired_use_case db8e8598c801ea8c
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "meter_id",
 "use_case_id",
 "neighbour_id",
 "is_included",
 CAST("use_case_used_28d" AS BIGINT) AS "use_case_used_28d",
 CAST("neighbour_used_28d" AS BIGINT) AS "neighbour_used_28d",
 CAST("neighbour_used_prev_28d" AS BIGINT) AS "neighbour_used_prev_28d",
 CAST("tenure_days" AS BIGINT) AS "tenure_days",
 CAST("play" AS INT) AS "play",
 CAST("rungs" AS INT) AS "rungs"
FROM (
 SELECT
  "t0"."account_key",
  "t0"."product_id",
  "t0"."meter_id",
  "t0"."use_case_id",
  "t0"."neighbour_id",
  "t0"."is_included",
  "t0"."use_case_used_28d",
  "t0"."neighbour_used_28d",
  "t0"."neighbour_used_prev_28d",
  "t0"."tenure_days",
  27 AS "play",
  CAST(NULL AS INT) AS "rungs"
 FROM "input_use_case" AS "t0"
 WHERE
  "t0"."is_included"
  AND "t0"."use_case_used_28d" = 0
  AND "t0"."neighbour_used_28d" > 0
  AND "t0"."neighbour_used_prev_28d" > 0
  AND "t0"."tenure_days" >= 60
) AS stage;

-- input_bundle 8d6066050dfd9d00
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "bundle_id",
 CAST("bundle_owned" AS BIGINT) AS "bundle_owned",
 CAST("bundle_missing" AS BIGINT) AS "bundle_missing",
 CAST("bundle_values_missing" AS BIGINT) AS "bundle_values_missing",
 "in_renewal_window"
FROM (
 SELECT
  "t4"."account_key",
  "t4"."product_id",
  "t4"."bundle_id",
  "t4"."bundle_owned",
  "t4"."bundle_missing",
  "t4"."bundle_values_missing",
  "t5"."in_renewal_window"
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."bundle_id",
   "t0"."bundle_owned",
   "t0"."bundle_missing",
   "t0"."bundle_values_missing"
  FROM "bundle_profile" AS "t0"
 ) AS "t4"
 LEFT OUTER JOIN (
  SELECT
   "t1"."account_key",
   "t1"."in_renewal_window"
  FROM "account_profile" AS "t1"
 ) AS "t5"
  ON "t4"."account_key" = "t5"."account_key"
) AS stage;

-- fired_bundle 5416e0d4e8032477
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "bundle_id",
 CAST("bundle_owned" AS BIGINT) AS "bundle_owned",
 CAST("bundle_missing" AS BIGINT) AS "bundle_missing",
 CAST("bundle_values_missing" AS BIGINT) AS "bundle_values_missing",
 "in_renewal_window",
 CAST("play" AS INT) AS "play",
 CAST("rungs" AS INT) AS "rungs"
FROM (
 SELECT
  "t0"."account_key",
  "t0"."product_id",
  "t0"."bundle_id",
  "t0"."bundle_owned",
  "t0"."bundle_missing",
  "t0"."bundle_values_missing",
  "t0"."in_renewal_window",
  2 AS "play",
  CAST(NULL AS INT) AS "rungs"
 FROM "input_bundle" AS "t0"
 WHERE
  "t0"."bundle_owned" >= 2
  AND "t0"."bundle_values_missing" = 0
  AND NOT (
   "t0"."in_renewal_window"
  )
) AS stage;

-- input_feature bf322a3cd6d28786
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "feature_id",
 "requested",
 CAST("feature_gate_hits_28d" AS BIGINT) AS "feature_gate_hits_28d",
 "first_value_reached",
 CAST("imitated_28d" AS BIGINT) AS "imitated_28d",
 CAST("imitated_prev_28d" AS BIGINT) AS "imitated_prev_28d",
 "plan_id"
FROM (
 SELECT
  "t0"."account_key",
  "t0"."product_id",
  "t0"."feature_id",
  "t0"."requested",
  "t0"."feature_gate_hits_28d",
  "t0"."first_value_reached",
  "t0"."imitated_28d",
  "t0"."imitated_prev_28d",
  "t0"."plan_id"
 FROM "feature_profile" AS "t0"
) AS stage;

-- fired_feature 7a808bef18a757e6
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "feature_id",
 "requested",
 CAST("feature_gate_hits_28d" AS BIGINT) AS "feature_gate_hits_28d",
 "first_value_reached",
 CAST("imitated_28d" AS BIGINT) AS "imitated_28d",
 CAST("imitated_prev_28d" AS BIGINT) AS "imitated_prev_28d",
 "plan_id",
 CAST("play" AS INT) AS "play",
 CAST("rungs" AS INT) AS "rungs"
FROM (
 SELECT
  *
 FROM (
  SELECT
   *
  FROM (
   SELECT
    "t0"."account_key",
    "t0"."product_id",
    "t0"."feature_id",
    "t0"."requested",
    "t0"."feature_gate_hits_28d",
    "t0"."first_value_reached",
    "t0"."imitated_28d",
    "t0"."imitated_prev_28d",
    "t0"."plan_id",
    7 AS "play",
    CAST(NULL AS INT) AS "rungs"
   FROM "input_feature" AS "t0"
   WHERE
    "t0"."feature_gate_hits_28d" >= 3
    AND (
     (
      "t0"."first_value_reached" IS NULL
     ) OR "t0"."first_value_reached"
    )
  ) AS "t3"
  UNION ALL
  SELECT
   *
  FROM (
   SELECT
    "t0"."account_key",
    "t0"."product_id",
    "t0"."feature_id",
    "t0"."requested",
    "t0"."feature_gate_hits_28d",
    "t0"."first_value_reached",
    "t0"."imitated_28d",
    "t0"."imitated_prev_28d",
    "t0"."plan_id",
    8 AS "play",
    CAST(NULL AS INT) AS "rungs"
   FROM "input_feature" AS "t0"
   WHERE
    "t0"."requested"
  ) AS "t1"
 ) AS "t4"
 UNION ALL
 SELECT
  *
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."feature_id",
   "t0"."requested",
   "t0"."feature_gate_hits_28d",
   "t0"."first_value_reached",
   "t0"."imitated_28d",
   "t0"."imitated_prev_28d",
   "t0"."plan_id",
   29 AS "play",
   CAST(NULL AS INT) AS "rungs"
  FROM "input_feature" AS "t0"
  WHERE
   "t0"."imitated_28d" >= 10
   AND "t0"."imitated_prev_28d" >= 10
   AND (
    (
     "t0"."first_value_reached" IS NULL
    ) OR "t0"."first_value_reached"
   )
 ) AS "t2"
) AS stage;

-- input_add_on 246ef6f8cb477c73
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "add_on_id",
 CAST("add_on_quantity" AS BIGINT) AS "add_on_quantity",
 "add_on_kind",
 "has_add_on",
 "plan_id",
 CAST("use_cases_28d" AS BIGINT) AS "use_cases_28d",
 CAST("questions_90d" AS BIGINT) AS "questions_90d",
 CAST("questions_prev_90d" AS BIGINT) AS "questions_prev_90d"
FROM (
 SELECT
  "t4"."account_key",
  "t4"."product_id",
  "t4"."add_on_id",
  "t4"."add_on_quantity",
  "t4"."add_on_kind",
  "t4"."has_add_on",
  "t4"."plan_id",
  "t5"."use_cases_28d",
  "t5"."questions_90d",
  "t5"."questions_prev_90d"
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."add_on_id",
   "t0"."add_on_quantity",
   "t0"."add_on_kind",
   "t0"."has_add_on",
   "t0"."plan_id"
  FROM "add_on_profile" AS "t0"
 ) AS "t4"
 LEFT OUTER JOIN (
  SELECT
   "t1"."account_key",
   "t1"."use_cases_28d",
   "t1"."questions_90d",
   "t1"."questions_prev_90d"
  FROM "account_profile" AS "t1"
 ) AS "t5"
  ON "t4"."account_key" = "t5"."account_key"
) AS stage;

-- fired_add_on 75f6f0237191f823
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "add_on_id",
 CAST("add_on_quantity" AS BIGINT) AS "add_on_quantity",
 "add_on_kind",
 "has_add_on",
 CAST("use_cases_28d" AS BIGINT) AS "use_cases_28d",
 CAST("questions_90d" AS BIGINT) AS "questions_90d",
 CAST("questions_prev_90d" AS BIGINT) AS "questions_prev_90d",
 "plan_id",
 CAST("play" AS INT) AS "play",
 CAST("rungs" AS INT) AS "rungs"
FROM (
 SELECT
  "t0"."account_key",
  "t0"."product_id",
  "t0"."add_on_id",
  "t0"."add_on_quantity",
  "t0"."add_on_kind",
  "t0"."has_add_on",
  "t0"."use_cases_28d",
  "t0"."questions_90d",
  "t0"."questions_prev_90d",
  "t0"."plan_id",
  24 AS "play",
  CAST(NULL AS INT) AS "rungs"
 FROM "input_add_on" AS "t0"
 WHERE
  "t0"."add_on_kind" = 'support'
  AND NOT (
   "t0"."has_add_on"
  )
  AND "t0"."use_cases_28d" >= 2
  AND "t0"."questions_90d" >= 4
  AND "t0"."questions_90d" > "t0"."questions_prev_90d"
) AS stage;

-- input_plan 0bef86782761b484
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "plan_id",
 "interval",
 "adoption",
 "need_share",
 "peak_share",
 CAST("paid_days" AS BIGINT) AS "paid_days",
 CAST("live_subscriptions" AS INT) AS "live_subscriptions",
 "is_paid",
 "is_trial",
 "steady_use",
 CAST("plans_above" AS BIGINT) AS "plans_above",
 CAST("top_feature_asks" AS BIGINT) AS "top_feature_asks",
 CAST("term_days" AS INT) AS "term_days",
 CAST("plan_days" AS BIGINT) AS "plan_days",
 "first_value_reached",
 CAST("overage_periods_3" AS BIGINT) AS "overage_periods_3",
 CAST("size_signs" AS BIGINT) AS "size_signs",
 "in_renewal_window",
 "nps_score",
 CAST("outcomes_missed" AS BIGINT) AS "outcomes_missed",
 CAST("gate_hits_28d" AS BIGINT) AS "gate_hits_28d",
 CAST("pricing_views_28d" AS BIGINT) AS "pricing_views_28d"
FROM (
 SELECT
  "t4"."account_key",
  "t4"."product_id",
  "t4"."plan_id",
  "t4"."interval",
  "t4"."adoption",
  "t4"."need_share",
  "t4"."peak_share",
  "t4"."paid_days",
  "t4"."live_subscriptions",
  "t4"."is_paid",
  "t4"."is_trial",
  "t4"."steady_use",
  "t4"."plans_above",
  "t4"."top_feature_asks",
  "t4"."term_days",
  "t4"."plan_days",
  "t4"."first_value_reached",
  "t4"."overage_periods_3",
  "t5"."size_signs",
  "t5"."in_renewal_window",
  "t5"."nps_score",
  "t5"."outcomes_missed",
  "t5"."gate_hits_28d",
  "t5"."pricing_views_28d"
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."plan_id",
   "t0"."interval",
   "t0"."adoption",
   "t0"."need_share",
   "t0"."peak_share",
   "t0"."paid_days",
   "t0"."live_subscriptions",
   "t0"."is_paid",
   "t0"."is_trial",
   "t0"."steady_use",
   "t0"."plans_above",
   "t0"."top_feature_asks",
   "t0"."term_days",
   "t0"."plan_days",
   "t0"."first_value_reached",
   "t0"."overage_periods_3"
  FROM "plan_profile" AS "t0"
 ) AS "t4"
 LEFT OUTER JOIN (
  SELECT
   "t1"."account_key",
   "t1"."size_signs",
   "t1"."in_renewal_window",
   "t1"."nps_score",
   "t1"."outcomes_missed",
   "t1"."gate_hits_28d",
   "t1"."pricing_views_28d"
  FROM "account_profile" AS "t1"
 ) AS "t5"
  ON "t4"."account_key" = "t5"."account_key"
) AS stage;

-- fired_plan a4889097b5f1b7c3
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "plan_id",
 "interval",
 "adoption",
 "need_share",
 "peak_share",
 CAST("paid_days" AS BIGINT) AS "paid_days",
 CAST("live_subscriptions" AS INT) AS "live_subscriptions",
 "is_paid",
 "is_trial",
 "steady_use",
 CAST("plans_above" AS BIGINT) AS "plans_above",
 CAST("size_signs" AS BIGINT) AS "size_signs",
 CAST("top_feature_asks" AS BIGINT) AS "top_feature_asks",
 CAST("term_days" AS INT) AS "term_days",
 "in_renewal_window",
 "nps_score",
 CAST("outcomes_missed" AS BIGINT) AS "outcomes_missed",
 CAST("plan_days" AS BIGINT) AS "plan_days",
 CAST("gate_hits_28d" AS BIGINT) AS "gate_hits_28d",
 CAST("pricing_views_28d" AS BIGINT) AS "pricing_views_28d",
 "first_value_reached",
 CAST("overage_periods_3" AS BIGINT) AS "overage_periods_3",
 CAST("play" AS INT) AS "play",
 CAST("rungs" AS INT) AS "rungs"
FROM (
 SELECT
  *
 FROM (
  SELECT
   *
  FROM (
   SELECT
    *
   FROM (
    SELECT
     *
    FROM (
     SELECT
      *
     FROM (
      SELECT
       "t0"."account_key",
       "t0"."product_id",
       "t0"."plan_id",
       "t0"."interval",
       "t0"."adoption",
       "t0"."need_share",
       "t0"."peak_share",
       "t0"."paid_days",
       "t0"."live_subscriptions",
       "t0"."is_paid",
       "t0"."is_trial",
       "t0"."steady_use",
       "t0"."plans_above",
       "t0"."size_signs",
       "t0"."top_feature_asks",
       "t0"."term_days",
       "t0"."in_renewal_window",
       "t0"."nps_score",
       "t0"."outcomes_missed",
       "t0"."plan_days",
       "t0"."gate_hits_28d",
       "t0"."pricing_views_28d",
       "t0"."first_value_reached",
       "t0"."overage_periods_3",
       1 AS "play",
       CAST(NULL AS INT) AS "rungs"
      FROM "input_plan" AS "t0"
      WHERE
       "t0"."interval" = 'month'
       AND "t0"."is_paid"
       AND NOT (
        "t0"."is_trial"
       )
       AND "t0"."paid_days" >= 90
       AND "t0"."steady_use"
       AND "t0"."adoption" >= 0.5
       AND "t0"."live_subscriptions" = 1
     ) AS "t1"
     UNION ALL
     SELECT
      *
     FROM (
      SELECT
       "t0"."account_key",
       "t0"."product_id",
       "t0"."plan_id",
       "t0"."interval",
       "t0"."adoption",
       "t0"."need_share",
       "t0"."peak_share",
       "t0"."paid_days",
       "t0"."live_subscriptions",
       "t0"."is_paid",
       "t0"."is_trial",
       "t0"."steady_use",
       "t0"."plans_above",
       "t0"."size_signs",
       "t0"."top_feature_asks",
       "t0"."term_days",
       "t0"."in_renewal_window",
       "t0"."nps_score",
       "t0"."outcomes_missed",
       "t0"."plan_days",
       "t0"."gate_hits_28d",
       "t0"."pricing_views_28d",
       "t0"."first_value_reached",
       "t0"."overage_periods_3",
       6 AS "play",
       CAST(NULL AS INT) AS "rungs"
      FROM "input_plan" AS "t0"
      WHERE
       "t0"."is_paid"
       AND "t0"."plans_above" >= 1
       AND (
        (
         (
          "t0"."size_signs" >= 2
         ) AND (
          "t0"."top_feature_asks" >= 1
         )
        )
        OR (
         "t0"."size_signs" >= 3
        )
       )
     ) AS "t5"
    ) AS "t7"
    UNION ALL
    SELECT
     *
    FROM (
     SELECT
      "t0"."account_key",
      "t0"."product_id",
      "t0"."plan_id",
      "t0"."interval",
      "t0"."adoption",
      "t0"."need_share",
      "t0"."peak_share",
      "t0"."paid_days",
      "t0"."live_subscriptions",
      "t0"."is_paid",
      "t0"."is_trial",
      "t0"."steady_use",
      "t0"."plans_above",
      "t0"."size_signs",
      "t0"."top_feature_asks",
      "t0"."term_days",
      "t0"."in_renewal_window",
      "t0"."nps_score",
      "t0"."outcomes_missed",
      "t0"."plan_days",
      "t0"."gate_hits_28d",
      "t0"."pricing_views_28d",
      "t0"."first_value_reached",
      "t0"."overage_periods_3",
      20 AS "play",
      CAST(NULL AS INT) AS "rungs"
     FROM "input_plan" AS "t0"
     WHERE
      "t0"."term_days" >= 180
      AND "t0"."in_renewal_window"
      AND "t0"."is_paid"
      AND "t0"."adoption" >= 0.5
      AND "t0"."live_subscriptions" = 1
      AND (
       (
        "t0"."nps_score" IS NULL
       ) OR (
        "t0"."nps_score" >= 7
       )
      )
      AND "t0"."outcomes_missed" = 0
    ) AS "t3"
   ) AS "t8"
   UNION ALL
   SELECT
    *
   FROM (
    SELECT
     "t0"."account_key",
     "t0"."product_id",
     "t0"."plan_id",
     "t0"."interval",
     "t0"."adoption",
     "t0"."need_share",
     "t0"."peak_share",
     "t0"."paid_days",
     "t0"."live_subscriptions",
     "t0"."is_paid",
     "t0"."is_trial",
     "t0"."steady_use",
     "t0"."plans_above",
     "t0"."size_signs",
     "t0"."top_feature_asks",
     "t0"."term_days",
     "t0"."in_renewal_window",
     "t0"."nps_score",
     "t0"."outcomes_missed",
     "t0"."plan_days",
     "t0"."gate_hits_28d",
     "t0"."pricing_views_28d",
     "t0"."first_value_reached",
     "t0"."overage_periods_3",
     22 AS "play",
     CAST(NULL AS INT) AS "rungs"
    FROM "input_plan" AS "t0"
    WHERE
     "t0"."is_paid"
     AND (
      (
       (
        "t0"."need_share" <= 0.6
       ) AND (
        "t0"."plan_days" >= 60
       )
      )
      OR (
       "t0"."live_subscriptions" > 1
      )
     )
   ) AS "t6"
  ) AS "t9"
  UNION ALL
  SELECT
   *
  FROM (
   SELECT
    "t0"."account_key",
    "t0"."product_id",
    "t0"."plan_id",
    "t0"."interval",
    "t0"."adoption",
    "t0"."need_share",
    "t0"."peak_share",
    "t0"."paid_days",
    "t0"."live_subscriptions",
    "t0"."is_paid",
    "t0"."is_trial",
    "t0"."steady_use",
    "t0"."plans_above",
    "t0"."size_signs",
    "t0"."top_feature_asks",
    "t0"."term_days",
    "t0"."in_renewal_window",
    "t0"."nps_score",
    "t0"."outcomes_missed",
    "t0"."plan_days",
    "t0"."gate_hits_28d",
    "t0"."pricing_views_28d",
    "t0"."first_value_reached",
    "t0"."overage_periods_3",
    25 AS "play",
    CAST(NULL AS INT) AS "rungs"
   FROM "input_plan" AS "t0"
   WHERE
    NOT (
     "t0"."is_trial"
    )
    AND "t0"."plans_above" >= 1
    AND "t0"."gate_hits_28d" >= 1
    AND "t0"."pricing_views_28d" >= 1
    AND (
     (
      "t0"."first_value_reached" IS NULL
     ) OR "t0"."first_value_reached"
    )
  ) AS "t4"
 ) AS "t10"
 UNION ALL
 SELECT
  *
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."plan_id",
   "t0"."interval",
   "t0"."adoption",
   "t0"."need_share",
   "t0"."peak_share",
   "t0"."paid_days",
   "t0"."live_subscriptions",
   "t0"."is_paid",
   "t0"."is_trial",
   "t0"."steady_use",
   "t0"."plans_above",
   "t0"."size_signs",
   "t0"."top_feature_asks",
   "t0"."term_days",
   "t0"."in_renewal_window",
   "t0"."nps_score",
   "t0"."outcomes_missed",
   "t0"."plan_days",
   "t0"."gate_hits_28d",
   "t0"."pricing_views_28d",
   "t0"."first_value_reached",
   "t0"."overage_periods_3",
   28 AS "play",
   CAST(NULL AS INT) AS "rungs"
  FROM "input_plan" AS "t0"
  WHERE
   "t0"."interval" = 'month'
   AND "t0"."is_paid"
   AND NOT (
    "t0"."is_trial"
   )
   AND "t0"."overage_periods_3" = 3
   AND "t0"."steady_use"
   AND "t0"."live_subscriptions" = 1
 ) AS "t2"
) AS stage;

-- account_gates 0c6c2adf2df360da
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "account_id",
 "name",
 "owner_id",
 "has_owner",
 "account_currency",
 "segment",
 CAST("signal_density" AS BIGINT) AS "signal_density",
 CAST("mrr_units" AS BIGINT) AS "mrr_units",
 CAST("weighing_problems" AS BIGINT) AS "weighing_problems",
 "weighing_ticket_id",
 CAST("troubled_invoices" AS BIGINT) AS "troubled_invoices",
 "troubled_invoice_id",
 CAST("open_invoices" AS BIGINT) AS "open_invoices",
 CAST("cancel_at" AS BIGINT) AS "cancel_at",
 "renewal_risk_id",
 CAST("open_deals" AS BIGINT) AS "open_deals",
 "open_deal_id",
 "do_not_sell_why",
 CAST("do_not_sell_until" AS BIGINT) AS "do_not_sell_until",
 "has_usage_signal",
 "has_outcome_signal",
 "has_strategic_signal",
 "has_intent_signal",
 "in_renewal_window",
 CAST("outcomes_met" AS BIGINT) AS "outcomes_met",
 CAST("feature_requests_90d" AS BIGINT) AS "feature_requests_90d",
 CAST("milestones_28d" AS BIGINT) AS "milestones_28d",
 "payment_how",
 "leaving_how",
 "renewal_how",
 CAST("open_issue" AS INT) AS "open_issue",
 CAST("payment_trouble" AS INT) AS "payment_trouble",
 CAST("leaving" AS INT) AS "leaving",
 CAST("renewal_threat" AS INT) AS "renewal_threat",
 CAST("open_deal" AS INT) AS "open_deal",
 CAST("do_not_sell" AS INT) AS "do_not_sell"
FROM (
 SELECT
  "t2"."account_key",
  "t2"."account_id",
  "t2"."name",
  "t2"."owner_id",
  "t2"."has_owner",
  "t2"."account_currency",
  "t2"."segment",
  "t2"."signal_density",
  "t2"."mrr_units",
  "t2"."weighing_problems",
  "t2"."weighing_ticket_id",
  "t2"."troubled_invoices",
  "t2"."troubled_invoice_id",
  "t2"."open_invoices",
  "t2"."cancel_at",
  "t2"."renewal_risk_id",
  "t2"."open_deals",
  "t2"."open_deal_id",
  "t2"."do_not_sell_why",
  "t2"."do_not_sell_until",
  "t2"."has_usage_signal",
  "t2"."has_outcome_signal",
  "t2"."has_strategic_signal",
  "t2"."has_intent_signal",
  "t2"."in_renewal_window",
  "t2"."outcomes_met",
  "t2"."feature_requests_90d",
  "t2"."milestones_28d",
  CASE
   WHEN "t2"."troubled_invoices" > 0
   THEN 'invoices failed or late: ' || CAST("t2"."troubled_invoices" AS VARCHAR) || ' (invoice ' || "t2"."troubled_invoice_id" || ')'
   ELSE 'the subscription is past due'
  END AS "payment_how",
  CASE
   WHEN "t2"."cancel_at" IS NOT NULL
   THEN 'a cancellation is set'
   WHEN "t2"."pending_downgrade"
   THEN 'a downgrade is set'
   ELSE 'moved to a lower plan within 60 days'
  END AS "leaving_how",
  CASE
   WHEN "t2"."renewal_risks_90d" > 0
   THEN 'a renewal risk was noted within 90 days'
   WHEN COALESCE("t2"."nps_score" <= 6, FALSE)
   THEN 'the renewal is near and the last score was low'
   ELSE 'the renewal is near and an outcome was missed'
  END AS "renewal_how",
  CAST(CASE
   WHEN COALESCE("t2"."weighing_problems" > 0, FALSE)
   THEN 1
   ELSE CASE WHEN "t3"."has_ticket" THEN 0 ELSE 2 END
  END AS INT) AS "open_issue",
  CAST(CASE
   WHEN COALESCE((
    "t2"."troubled_invoices" > 0
   ) OR "t2"."is_past_due", FALSE)
   THEN 1
   ELSE CASE WHEN "t3"."has_invoice" THEN 0 ELSE 2 END
  END AS INT) AS "payment_trouble",
  CAST(CASE
   WHEN COALESCE(
    (
     "t2"."cancel_at" IS NOT NULL
    )
    OR "t2"."pending_downgrade"
    OR COALESCE("t2"."downgraded_at" > (
     "t2"."as_of" - 5184000
    ), FALSE),
    FALSE
   )
   THEN 1
   ELSE CASE WHEN TRUE THEN 0 ELSE 0 END
  END AS INT) AS "leaving",
  CAST(CASE
   WHEN COALESCE(
    (
     "t2"."renewal_risks_90d" > 0
    )
    OR (
     "t2"."in_renewal_window"
     AND (
      COALESCE("t2"."nps_score" <= 6, FALSE) OR (
       "t2"."outcomes_missed" > 0
      )
     )
    ),
    FALSE
   )
   THEN 1
   ELSE CASE WHEN TRUE THEN 0 ELSE 0 END
  END AS INT) AS "renewal_threat",
  CAST(CASE
   WHEN COALESCE("t2"."open_deals" > 0, FALSE)
   THEN 1
   ELSE CASE WHEN TRUE THEN 0 ELSE 0 END
  END AS INT) AS "open_deal",
  CAST(CASE
   WHEN COALESCE("t2"."do_not_sell", FALSE)
   THEN 1
   ELSE CASE WHEN TRUE THEN 0 ELSE 0 END
  END AS INT) AS "do_not_sell"
 FROM "account_profile" AS "t2"
 CROSS JOIN "known" AS "t3"
) AS stage;

-- product_gates 8fcfc6f6af43b051
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "adoption",
 "first_value_how",
 CAST("bought_on" AS BIGINT) AS "bought_on",
 CAST("bought_days" AS BIGINT) AS "bought_days",
 CAST("just_purchased_until" AS BIGINT) AS "just_purchased_until",
 CAST("before_first_value" AS INT) AS "before_first_value",
 CAST("just_purchased" AS INT) AS "just_purchased",
 CAST("low_adoption" AS INT) AS "low_adoption"
FROM (
 SELECT
  "t15"."account_key",
  "t15"."product_id",
  "t15"."adoption",
  CASE
   WHEN "t15"."first_value_at_least" IS NOT NULL
   THEN ' (' || CAST(COALESCE("t15"."first_value_used", 0) AS VARCHAR) || ' of ' || CAST("t15"."first_value_at_least" AS VARCHAR) || ')'
   ELSE ''
  END AS "first_value_how",
  COALESCE("t15"."bought_at", "t15"."purchased_at") AS "bought_on",
  CAST(FLOOR(
   CAST((
    "t15"."as_of" - COALESCE("t15"."bought_at", "t15"."purchased_at")
   ) AS DOUBLE PRECISION) / 86400.0
  ) AS BIGINT) AS "bought_days",
  COALESCE("t15"."bought_at", "t15"."purchased_at") + 1209600 AS "just_purchased_until",
  CAST(CASE
   WHEN "t15"."first_value_reached" IS NULL
   THEN 2
   WHEN "t15"."first_value_reached"
   THEN 0
   ELSE 1
  END AS INT) AS "before_first_value",
  CAST(CASE
   WHEN COALESCE(
    (
     CAST((
      "t15"."as_of" - COALESCE("t15"."bought_at", "t15"."purchased_at")
     ) AS DOUBLE PRECISION) / 86400.0
    ) < 14.0,
    FALSE
   )
   THEN 1
   ELSE 0
  END AS INT) AS "just_purchased",
  CAST(CASE
   WHEN (
    "t15"."adoption" IS NOT NULL
   )
   AND (
    (
     "t15"."adoption" * 100.0
    ) <= 40.0
   )
   THEN 1
   WHEN "t15"."adoption" IS NOT NULL
   THEN 0
   WHEN COALESCE("t15"."adoption_is_unlimited", TRUE)
   THEN 3
   WHEN COALESCE("t15"."first_value_reached", FALSE)
   AND COALESCE("t15"."utilisation_now" >= 0.8, FALSE)
   THEN 3
   ELSE 2
  END AS INT) AS "low_adoption"
 FROM (
  SELECT
   "t12"."account_key",
   "t12"."product_id",
   "t6"."first_value_at_least",
   "t6"."first_value_moment",
   "t6"."first_value_used",
   "t6"."first_value_reached",
   "t7"."started_at",
   "t7"."first_paid_at",
   "t7"."downgraded_at",
   "t7"."bought_at",
   "t8"."adoption",
   "t8"."adoption_is_unlimited",
   "t8"."utilisation_now",
   "t8"."complete_periods",
   "t13"."purchased_at",
   "t14"."as_of"
  FROM (
   SELECT
    *
   FROM "has" AS "t0"
  ) AS "t12"
  LEFT OUTER JOIN "first_value" AS "t6"
   ON "t12"."account_key" = "t6"."account_key"
   AND "t12"."product_id" = "t6"."product_id"
  LEFT OUTER JOIN "history" AS "t7"
   ON "t12"."account_key" = "t7"."account_key"
   AND "t12"."product_id" = "t7"."product_id"
  LEFT OUTER JOIN "adoption" AS "t8"
   ON "t12"."account_key" = "t8"."account_key"
   AND "t12"."product_id" = "t8"."product_id"
  LEFT OUTER JOIN (
   SELECT
    "t4"."account_key",
    "t4"."product_id",
    "t4"."purchased_at"
   FROM "bought" AS "t4"
  ) AS "t13"
   ON "t12"."account_key" = "t13"."account_key"
   AND "t12"."product_id" = "t13"."product_id"
  CROSS JOIN (
   SELECT
    "t5"."as_of"
   FROM "today" AS "t5"
  ) AS "t14"
 ) AS "t15"
) AS stage;

-- fired_accounts bcf06e720c92c03b
SELECT
 CAST("account_key" AS INT) AS "account_key"
FROM (
 SELECT DISTINCT
  *
 FROM (
  SELECT
   *
  FROM (
   SELECT
    *
   FROM (
    SELECT
     *
    FROM (
     SELECT
      *
     FROM (
      SELECT
       *
      FROM (
       SELECT
        *
       FROM (
        SELECT
         "t5"."account_key"
        FROM "fired_limit" AS "t5"
       ) AS "t12"
       UNION ALL
       SELECT
        *
       FROM (
        SELECT
         "t6"."account_key"
        FROM "fired_product" AS "t6"
       ) AS "t13"
      ) AS "t14"
      UNION ALL
      SELECT
       *
      FROM (
       SELECT
        "t4"."account_key"
       FROM "fired_use_case" AS "t4"
      ) AS "t11"
     ) AS "t15"
     UNION ALL
     SELECT
      *
     FROM (
      SELECT
       "t3"."account_key"
      FROM "fired_bundle" AS "t3"
     ) AS "t10"
    ) AS "t16"
    UNION ALL
    SELECT
     *
    FROM (
     SELECT
      "t2"."account_key"
     FROM "fired_feature" AS "t2"
    ) AS "t9"
   ) AS "t17"
   UNION ALL
   SELECT
    *
   FROM (
    SELECT
     "t1"."account_key"
    FROM "fired_add_on" AS "t1"
   ) AS "t8"
  ) AS "t18"
  UNION ALL
  SELECT
   *
  FROM (
   SELECT
    "t0"."account_key"
   FROM "fired_plan" AS "t0"
  ) AS "t7"
 ) AS "t19"
) AS stage;

-- fit_owned 5b9e9f7083ac67fc
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "plan_id",
 "currency",
 "interval",
 CAST("interval_count" AS BIGINT) AS "interval_count",
 CAST("quantity" AS BIGINT) AS "quantity",
 CAST("recurring_units" AS BIGINT) AS "recurring_units",
 CAST("plan_units" AS BIGINT) AS "plan_units",
 CAST("add_on_units" AS BIGINT) AS "add_on_units"
FROM (
 SELECT
  "t4"."account_key",
  "t4"."product_id",
  "t4"."plan_id",
  "t4"."currency",
  "t4"."interval",
  "t4"."interval_count",
  "t4"."quantity",
  "t4"."recurring_units",
  "t4"."plan_units",
  "t4"."add_on_units"
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."plan_id",
   "t0"."currency",
   "t0"."interval",
   "t0"."interval_count",
   "t0"."quantity",
   "t0"."recurring_units",
   "t0"."plan_units",
   "t0"."add_on_units"
  FROM "owned" AS "t0"
  WHERE
   "t0"."plan_id" IS NOT NULL
 ) AS "t4"
 WHERE
  EXISTS(
   SELECT
    1
   FROM "fired_accounts" AS "t2"
   WHERE
    "t4"."account_key" = "t2"."account_key"
  )
) AS stage;

-- fit_limits 26d6eb730b6b55c4
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "meter_id",
 CAST("limit_quantity" AS BIGINT) AS "limit_quantity",
 "is_unlimited",
 "is_own_limit",
 "enforcement",
 CAST("used" AS BIGINT) AS "used",
 CAST("plan_used_1" AS BIGINT) AS "plan_used_1",
 CAST("plan_used_2" AS BIGINT) AS "plan_used_2",
 CAST("plan_used_3" AS BIGINT) AS "plan_used_3",
 CAST("forecast_use" AS BIGINT) AS "forecast_use",
 CAST("forecast_high" AS BIGINT) AS "forecast_high",
 CAST("peak_3" AS BIGINT) AS "peak_3"
FROM (
 SELECT
  "t4"."account_key",
  "t4"."product_id",
  "t4"."meter_id",
  "t4"."limit_quantity",
  "t4"."is_unlimited",
  "t4"."is_own_limit",
  "t4"."enforcement",
  "t4"."used",
  "t4"."plan_used_1",
  "t4"."plan_used_2",
  "t4"."plan_used_3",
  "t4"."forecast_use",
  "t4"."forecast_high",
  "t4"."peak_3"
 FROM (
  SELECT
   "t0"."account_key",
   "t0"."product_id",
   "t0"."meter_id",
   "t0"."limit_quantity",
   "t0"."is_unlimited",
   "t0"."is_own_limit",
   "t0"."enforcement",
   "t0"."used",
   "t0"."plan_used_1",
   "t0"."plan_used_2",
   "t0"."plan_used_3",
   "t0"."forecast_use",
   "t0"."forecast_high",
   "t0"."peak_3"
  FROM "limit_profile" AS "t0"
 ) AS "t4"
 WHERE
  EXISTS(
   SELECT
    1
   FROM "fired_accounts" AS "t2"
   WHERE
    "t4"."account_key" = "t2"."account_key"
  )
) AS stage;

-- proposed e626ce475318c961
SELECT
 CAST("play" AS INT) AS "play",
 "grain",
 CAST("source_row" AS BIGINT) AS "source_row",
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "gate_product_id",
 "meter_id",
 "feature_id",
 "subject_add_on_id",
 "subject_plan_id",
 "target",
 "motion",
 "to_product_id",
 "to_plan_id",
 "to_add_on_id",
 CAST("quantity" AS BIGINT) AS "quantity",
 "interval",
 "currency",
 CAST("recurring_units" AS BIGINT) AS "recurring_units",
 CAST("overage_units" AS BIGINT) AS "overage_units",
 CAST("saving_units" AS BIGINT) AS "saving_units",
 CAST("committed_units" AS BIGINT) AS "committed_units",
 CAST("rank_units" AS BIGINT) AS "rank_units",
 CAST("one_off_units" AS BIGINT) AS "one_off_units",
 "meter_adoption",
 CAST("rungs" AS INT) AS "rungs",
 "is_estimated",
 "is_quote",
 "stays",
 "adds_nothing",
 "is_hygiene",
 "prior",
 "lever",
 "segment",
 "likelihood",
 "is_prior"
FROM (
 SELECT
  "t11"."play",
  "t11"."grain",
  "t11"."source_row",
  "t11"."account_key",
  "t11"."product_id",
  "t11"."gate_product_id",
  "t11"."meter_id",
  "t11"."feature_id",
  "t11"."subject_add_on_id",
  "t11"."subject_plan_id",
  "t11"."target",
  "t11"."motion",
  "t11"."to_product_id",
  "t11"."to_plan_id",
  "t11"."to_add_on_id",
  "t11"."quantity",
  "t11"."interval",
  "t11"."currency",
  "t11"."recurring_units",
  "t11"."overage_units",
  "t11"."saving_units",
  "t11"."committed_units",
  "t11"."rank_units",
  "t11"."one_off_units",
  "t11"."meter_adoption",
  "t11"."rungs",
  "t11"."is_estimated",
  "t11"."is_quote",
  "t11"."stays",
  "t11"."adds_nothing",
  "t11"."is_hygiene",
  "t11"."prior",
  "t11"."lever",
  "t11"."segment",
  "t11"."likelihood",
  "t11"."is_prior"
 FROM (
  SELECT
   "t10"."play",
   "t10"."grain",
   "t10"."source_row",
   "t10"."account_key",
   "t10"."product_id",
   "t10"."gate_product_id",
   "t10"."meter_id",
   "t10"."feature_id",
   "t10"."subject_add_on_id",
   "t10"."subject_plan_id",
   "t10"."target",
   "t10"."motion",
   "t10"."to_product_id",
   "t10"."to_plan_id",
   "t10"."to_add_on_id",
   "t10"."quantity",
   "t10"."interval",
   "t10"."currency",
   "t10"."recurring_units",
   "t10"."overage_units",
   "t10"."saving_units",
   "t10"."committed_units",
   "t10"."rank_units",
   "t10"."one_off_units",
   "t10"."meter_adoption",
   "t10"."rungs",
   "t10"."is_estimated",
   "t10"."is_quote",
   "t10"."stays",
   "t10"."adds_nothing",
   "t10"."is_hygiene",
   "t10"."prior",
   "t10"."lever",
   "t10"."segment",
   "t10"."rate",
   COALESCE("t10"."rate", "t10"."prior") AS "likelihood",
   "t10"."rate" IS NULL AS "is_prior"
  FROM (
   SELECT
    "t9"."play",
    "t9"."grain",
    "t9"."source_row",
    "t9"."account_key",
    "t9"."product_id",
    "t9"."gate_product_id",
    "t9"."meter_id",
    "t9"."feature_id",
    "t9"."subject_add_on_id",
    "t9"."subject_plan_id",
    "t9"."target",
    "t9"."motion",
    "t9"."to_product_id",
    "t9"."to_plan_id",
    "t9"."to_add_on_id",
    "t9"."quantity",
    "t9"."interval",
    "t9"."currency",
    "t9"."recurring_units",
    "t9"."overage_units",
    "t9"."saving_units",
    "t9"."committed_units",
    "t9"."rank_units",
    "t9"."one_off_units",
    "t9"."meter_adoption",
    "t9"."rungs",
    "t9"."is_estimated",
    "t9"."is_quote",
    "t9"."stays",
    "t9"."adds_nothing",
    "t9"."is_hygiene",
    "t9"."prior",
    "t9"."lever",
    "t9"."segment",
    "t3"."rate"
   FROM (
    SELECT
     "t7"."play",
     "t7"."grain",
     "t7"."source_row",
     "t7"."account_key",
     "t7"."product_id",
     "t7"."gate_product_id",
     "t7"."meter_id",
     "t7"."feature_id",
     "t7"."subject_add_on_id",
     "t7"."subject_plan_id",
     "t7"."target",
     "t7"."motion",
     "t7"."to_product_id",
     "t7"."to_plan_id",
     "t7"."to_add_on_id",
     "t7"."quantity",
     "t7"."interval",
     "t7"."currency",
     "t7"."recurring_units",
     "t7"."overage_units",
     "t7"."saving_units",
     "t7"."committed_units",
     "t7"."rank_units",
     "t7"."one_off_units",
     "t7"."meter_adoption",
     "t7"."rungs",
     "t7"."is_estimated",
     "t7"."is_quote",
     "t7"."stays",
     "t7"."adds_nothing",
     "t7"."is_hygiene",
     "t7"."prior",
     "t7"."lever",
     COALESCE("t7"."segment", '') AS "segment"
    FROM (
     SELECT
      "t4"."play",
      "t4"."grain",
      "t4"."source_row",
      "t4"."account_key",
      "t4"."product_id",
      "t4"."gate_product_id",
      "t4"."meter_id",
      "t4"."feature_id",
      "t4"."subject_add_on_id",
      "t4"."subject_plan_id",
      "t4"."target",
      "t4"."motion",
      "t4"."to_product_id",
      "t4"."to_plan_id",
      "t4"."to_add_on_id",
      "t4"."quantity",
      "t4"."interval",
      "t4"."currency",
      "t4"."recurring_units",
      "t4"."overage_units",
      "t4"."saving_units",
      "t4"."committed_units",
      "t4"."rank_units",
      "t4"."one_off_units",
      "t4"."meter_adoption",
      "t4"."rungs",
      "t4"."is_estimated",
      "t4"."is_quote",
      "t4"."stays",
      "t4"."adds_nothing",
      "t4"."is_hygiene",
      "t4"."prior",
      "t4"."lever",
      "t6"."segment"
     FROM "proposal" AS "t4"
     LEFT OUTER JOIN (
      SELECT
       "t2"."account_key",
       "t2"."segment"
      FROM "account_gates" AS "t2"
     ) AS "t6"
      ON "t4"."account_key" = "t6"."account_key"
    ) AS "t7"
   ) AS "t9"
   LEFT OUTER JOIN "likelihood" AS "t3"
    ON "t9"."play" = "t3"."play"
    AND "t9"."motion" = "t3"."motion"
    AND "t9"."segment" = "t3"."segment"
  ) AS "t10"
 ) AS "t11"
) AS stage;

-- steps 0382630e7ca2ef28
SELECT
 CAST("play" AS INT) AS "play",
 "grain",
 CAST("source_row" AS BIGINT) AS "source_row",
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "gate_product_id",
 "meter_id",
 "feature_id",
 "subject_add_on_id",
 "subject_plan_id",
 "target",
 "motion",
 "to_product_id",
 "to_plan_id",
 "to_add_on_id",
 "interval",
 "currency",
 CAST("one_off_units" AS BIGINT) AS "one_off_units",
 "meter_adoption",
 CAST("rungs" AS INT) AS "rungs",
 "is_estimated",
 "is_quote",
 "stays",
 "adds_nothing",
 "is_hygiene",
 "prior",
 "lever",
 "segment",
 "likelihood",
 "is_prior",
 CAST("quantity" AS BIGINT) AS "quantity",
 CAST("recurring_units" AS BIGINT) AS "recurring_units",
 CAST("overage_units" AS BIGINT) AS "overage_units",
 CAST("saving_units" AS BIGINT) AS "saving_units",
 CAST("committed_units" AS BIGINT) AS "committed_units",
 CAST("rank_units" AS BIGINT) AS "rank_units",
 "any_hygiene",
 CAST("evidence_0" AS BIGINT) AS "evidence_0"
FROM (
 WITH "t2" AS (
  SELECT
   "t0"."play",
   "t0"."grain",
   "t0"."source_row",
   "t0"."account_key",
   "t0"."product_id",
   "t0"."gate_product_id",
   "t0"."meter_id",
   "t0"."feature_id",
   "t0"."subject_add_on_id",
   "t0"."subject_plan_id",
   "t0"."target",
   "t0"."motion",
   "t0"."to_product_id",
   "t0"."to_plan_id",
   "t0"."to_add_on_id",
   "t0"."quantity",
   "t0"."interval",
   "t0"."currency",
   "t0"."recurring_units",
   "t0"."overage_units",
   "t0"."saving_units",
   "t0"."committed_units",
   "t0"."rank_units",
   "t0"."one_off_units",
   "t0"."meter_adoption",
   "t0"."rungs",
   "t0"."is_estimated",
   "t0"."is_quote",
   "t0"."stays",
   "t0"."adds_nothing",
   "t0"."is_hygiene",
   "t0"."prior",
   "t0"."lever",
   "t0"."segment",
   "t0"."likelihood",
   "t0"."is_prior",
   ROW_NUMBER() OVER (
    PARTITION BY "t0"."account_key", "t0"."to_product_id", "t0"."target"
    ORDER BY "t0"."likelihood" DESC NULLS LAST, "t0"."play" ASC, "t0"."product_id" ASC, "t0"."meter_id" ASC, "t0"."feature_id" ASC, "t0"."subject_add_on_id" ASC, "t0"."subject_plan_id" ASC, "t0"."source_row" ASC
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
   ) - 1 AS "lead",
   ROW_NUMBER() OVER (
    PARTITION BY "t0"."account_key", "t0"."to_product_id", "t0"."target"
    ORDER BY "t0"."quantity" DESC NULLS LAST, "t0"."likelihood" DESC NULLS LAST, "t0"."play" ASC, "t0"."product_id" ASC, "t0"."meter_id" ASC, "t0"."feature_id" ASC, "t0"."subject_add_on_id" ASC, "t0"."subject_plan_id" ASC, "t0"."source_row" ASC
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
   ) - 1 AS "size"
  FROM "proposed" AS "t0"
 )
 SELECT
  "t10"."play",
  "t10"."grain",
  "t10"."source_row",
  "t10"."account_key",
  "t10"."product_id",
  "t10"."gate_product_id",
  "t10"."meter_id",
  "t10"."feature_id",
  "t10"."subject_add_on_id",
  "t10"."subject_plan_id",
  "t10"."target",
  "t10"."motion",
  "t10"."to_product_id",
  "t10"."to_plan_id",
  "t10"."to_add_on_id",
  "t10"."interval",
  "t10"."currency",
  "t10"."one_off_units",
  "t10"."meter_adoption",
  "t10"."rungs",
  "t10"."is_estimated",
  "t10"."is_quote",
  "t10"."stays",
  "t10"."adds_nothing",
  "t10"."is_hygiene",
  "t10"."prior",
  "t10"."lever",
  "t10"."segment",
  "t10"."likelihood",
  "t10"."is_prior",
  "t9"."quantity",
  "t9"."recurring_units",
  "t9"."overage_units",
  "t9"."saving_units",
  "t9"."committed_units",
  "t9"."rank_units",
  "t5"."any_hygiene",
  "t5"."evidence_0"
 FROM (
  SELECT
   "t6"."play",
   "t6"."grain",
   "t6"."source_row",
   "t6"."account_key",
   "t6"."product_id",
   "t6"."gate_product_id",
   "t6"."meter_id",
   "t6"."feature_id",
   "t6"."subject_add_on_id",
   "t6"."subject_plan_id",
   "t6"."target",
   "t6"."motion",
   "t6"."to_product_id",
   "t6"."to_plan_id",
   "t6"."to_add_on_id",
   "t6"."interval",
   "t6"."currency",
   "t6"."one_off_units",
   "t6"."meter_adoption",
   "t6"."rungs",
   "t6"."is_estimated",
   "t6"."is_quote",
   "t6"."stays",
   "t6"."adds_nothing",
   "t6"."is_hygiene",
   "t6"."prior",
   "t6"."lever",
   "t6"."segment",
   "t6"."likelihood",
   "t6"."is_prior"
  FROM (
   SELECT
    *
   FROM "t2" AS "t3"
   WHERE
    "t3"."lead" = 0
  ) AS "t6"
 ) AS "t10"
 INNER JOIN (
  SELECT
   "t3"."account_key",
   "t3"."to_product_id",
   "t3"."target",
   "t3"."quantity",
   "t3"."recurring_units",
   "t3"."overage_units",
   "t3"."saving_units",
   "t3"."committed_units",
   "t3"."rank_units"
  FROM "t2" AS "t3"
  WHERE
   "t3"."size" = 0
 ) AS "t9"
  ON "t10"."account_key" = "t9"."account_key"
  AND "t10"."to_product_id" = "t9"."to_product_id"
  AND "t10"."target" = "t9"."target"
 INNER JOIN (
  SELECT
   "t1"."account_key",
   "t1"."to_product_id",
   "t1"."target",
   BOOL_OR("t1"."hygiene") AS "any_hygiene",
   SUM(
    CASE
     WHEN "t1"."play" = 0
     THEN 1
     WHEN "t1"."play" = 1
     THEN 2
     WHEN "t1"."play" = 2
     THEN 4
     WHEN "t1"."play" = 3
     THEN 8
     WHEN "t1"."play" = 4
     THEN 16
     WHEN "t1"."play" = 5
     THEN 32
     WHEN "t1"."play" = 6
     THEN 64
     WHEN "t1"."play" = 7
     THEN 128
     WHEN "t1"."play" = 8
     THEN 256
     WHEN "t1"."play" = 9
     THEN 512
     WHEN "t1"."play" = 10
     THEN 1024
     WHEN "t1"."play" = 11
     THEN 2048
     WHEN "t1"."play" = 12
     THEN 4096
     WHEN "t1"."play" = 13
     THEN 8192
     WHEN "t1"."play" = 14
     THEN 16384
     WHEN "t1"."play" = 15
     THEN 32768
     WHEN "t1"."play" = 16
     THEN 65536
     WHEN "t1"."play" = 17
     THEN 131072
     WHEN "t1"."play" = 18
     THEN 262144
     WHEN "t1"."play" = 19
     THEN 524288
     WHEN "t1"."play" = 20
     THEN 1048576
     WHEN "t1"."play" = 21
     THEN 2097152
     WHEN "t1"."play" = 22
     THEN 4194304
     WHEN "t1"."play" = 23
     THEN 8388608
     WHEN "t1"."play" = 24
     THEN 16777216
     WHEN "t1"."play" = 25
     THEN 33554432
     WHEN "t1"."play" = 26
     THEN 67108864
     WHEN "t1"."play" = 27
     THEN 134217728
     WHEN "t1"."play" = 28
     THEN 268435456
     WHEN "t1"."play" = 29
     THEN 536870912
     ELSE 0
    END
   ) AS "evidence_0"
  FROM (
   SELECT
    "t0"."account_key",
    "t0"."to_product_id",
    "t0"."target",
    "t0"."play",
    BOOL_OR("t0"."is_hygiene") AS "hygiene"
   FROM "proposed" AS "t0"
   GROUP BY
    1,
    2,
    3,
    4
  ) AS "t1"
  GROUP BY
   1,
   2,
   3
 ) AS "t5"
  ON "t10"."account_key" = "t5"."account_key"
  AND "t10"."to_product_id" = "t5"."to_product_id"
  AND "t10"."target" = "t5"."target"
) AS stage;

-- timed 6241271b10e4550e
SELECT
 CAST("account_key" AS INT) AS "account_key",
 CAST("moment_bits" AS BIGINT) AS "moment_bits"
FROM (
 SELECT
  "t13"."account_key",
  0 + COALESCE("t13"."bit_0", 0) + COALESCE("t13"."bit_1", 0) + COALESCE("t13"."bit_2", 0) + COALESCE("t13"."bit_3", 0) + COALESCE("t13"."bit_5", 0) + COALESCE("t13"."bit_6", 0) + COALESCE("t13"."bit_7", 0) + COALESCE("t13"."bit_8", 0) + COALESCE("t13"."bit_9", 0) + CASE
   WHEN COALESCE("t13"."milestones_28d", 0) > 0
   THEN 1024
   ELSE COALESCE("t13"."bit_10", 0)
  END + COALESCE("t13"."bit_11", 0) + COALESCE("t13"."bit_12", 0) + COALESCE("t13"."bit_14", 0) + CASE WHEN COALESCE("t13"."feature_requests_90d", 0) > 0 THEN 16 ELSE 0 END + CASE WHEN COALESCE("t13"."outcomes_met", 0) > 0 THEN 8192 ELSE 0 END + CASE WHEN COALESCE("t13"."in_renewal_window", FALSE) THEN 32768 ELSE 0 END AS "moment_bits"
 FROM (
  SELECT
   "t4"."account_key",
   "t4"."account_id",
   "t4"."name",
   "t4"."owner_id",
   "t4"."has_owner",
   "t4"."account_currency",
   "t4"."segment",
   "t4"."signal_density",
   "t4"."mrr_units",
   "t4"."weighing_problems",
   "t4"."weighing_ticket_id",
   "t4"."troubled_invoices",
   "t4"."troubled_invoice_id",
   "t4"."open_invoices",
   "t4"."cancel_at",
   "t4"."renewal_risk_id",
   "t4"."open_deals",
   "t4"."open_deal_id",
   "t4"."do_not_sell_why",
   "t4"."do_not_sell_until",
   "t4"."has_usage_signal",
   "t4"."has_outcome_signal",
   "t4"."has_strategic_signal",
   "t4"."has_intent_signal",
   "t4"."in_renewal_window",
   "t4"."outcomes_met",
   "t4"."feature_requests_90d",
   "t4"."milestones_28d",
   "t4"."payment_how",
   "t4"."leaving_how",
   "t4"."renewal_how",
   "t4"."open_issue",
   "t4"."payment_trouble",
   "t4"."leaving",
   "t4"."renewal_threat",
   "t4"."open_deal",
   "t4"."do_not_sell",
   "t12"."bit_0",
   "t12"."bit_1",
   "t12"."bit_2",
   "t12"."bit_3",
   "t12"."bit_5",
   "t12"."bit_6",
   "t12"."bit_7",
   "t12"."bit_8",
   "t12"."bit_9",
   "t12"."bit_10",
   "t12"."bit_11",
   "t12"."bit_12",
   "t12"."bit_14"
  FROM "account_gates" AS "t4"
  LEFT OUTER JOIN (
   SELECT
    "t10"."account_key",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'business_unit'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 28.0
      )
      THEN 1
      ELSE 0
     END
    ) AS BIGINT) AS "bit_0",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'checkout'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 1.0
      )
      THEN 2
      ELSE 0
     END
    ) AS BIGINT) AS "bit_1",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'completed'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 28.0
      )
      THEN 4
      ELSE 0
     END
    ) AS BIGINT) AS "bit_2",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'customer_growth'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 28.0
      )
      THEN 8
      ELSE 0
     END
    ) AS BIGINT) AS "bit_3",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'first_value'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 28.0
      )
      THEN 32
      ELSE 0
     END
    ) AS BIGINT) AS "bit_5",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'funding'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 28.0
      )
      THEN 64
      ELSE 0
     END
    ) AS BIGINT) AS "bit_6",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'geography'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 28.0
      )
      THEN 128
      ELSE 0
     END
    ) AS BIGINT) AS "bit_7",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'hire'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 28.0
      )
      THEN 256
      ELSE 0
     END
    ) AS BIGINT) AS "bit_8",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'initiative'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 28.0
      )
      THEN 512
      ELSE 0
     END
    ) AS BIGINT) AS "bit_9",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'milestone'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 28.0
      )
      THEN 1024
      ELSE 0
     END
    ) AS BIGINT) AS "bit_10",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'onboarded'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) >= 60.0
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 90.0
      )
      THEN 2048
      ELSE 0
     END
    ) AS BIGINT) AS "bit_11",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'other_vendor'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 28.0
      )
      THEN 4096
      ELSE 0
     END
    ) AS BIGINT) AS "bit_12",
    CAST(MAX(
     CASE
      WHEN (
       "t10"."kind" = 'pricing_page_viewed'
      )
      AND (
       (
        CAST((
         "t10"."as_of" - "t10"."occurred_at"
        ) AS DOUBLE PRECISION) / 86400.0
       ) < 28.0
      )
      THEN 16384
      ELSE 0
     END
    ) AS BIGINT) AS "bit_14"
   FROM (
    SELECT
     *
    FROM (
     SELECT
      "t6"."moment_id",
      "t6"."account_key",
      "t6"."kind",
      "t6"."occurred_at",
      "t6"."contact_id",
      "t6"."subject_id",
      "t6"."detail",
      "t6"."source",
      "t8"."as_of"
     FROM "moment" AS "t6"
     CROSS JOIN (
      SELECT
       "t3"."as_of"
      FROM "today" AS "t3"
     ) AS "t8"
    ) AS "t9"
    WHERE
     "t9"."occurred_at" <= "t9"."as_of"
   ) AS "t10"
   GROUP BY
    1
  ) AS "t12"
   ON "t4"."account_key" = "t12"."account_key"
  WHERE
   EXISTS(
    SELECT
     1
    FROM "proposal" AS "t5"
    WHERE
     "t4"."account_key" = "t5"."account_key"
   )
 ) AS "t13"
) AS stage;

-- placed 074e51bea6aa274d
SELECT
 CAST("play" AS INT) AS "play",
 "grain",
 CAST("source_row" AS BIGINT) AS "source_row",
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "gate_product_id",
 "meter_id",
 "feature_id",
 "subject_add_on_id",
 "subject_plan_id",
 "target",
 "motion",
 "to_product_id",
 "to_plan_id",
 "to_add_on_id",
 "interval",
 "currency",
 CAST("one_off_units" AS BIGINT) AS "one_off_units",
 "meter_adoption",
 CAST("rungs" AS INT) AS "rungs",
 "is_estimated",
 "is_quote",
 "stays",
 "adds_nothing",
 "is_hygiene",
 "prior",
 "lever",
 "segment",
 "likelihood",
 "is_prior",
 CAST("quantity" AS BIGINT) AS "quantity",
 CAST("recurring_units" AS BIGINT) AS "recurring_units",
 CAST("overage_units" AS BIGINT) AS "overage_units",
 CAST("saving_units" AS BIGINT) AS "saving_units",
 CAST("committed_units" AS BIGINT) AS "committed_units",
 CAST("rank_units" AS BIGINT) AS "rank_units",
 "any_hygiene",
 CAST("evidence_0" AS BIGINT) AS "evidence_0",
 CAST("moment_bits" AS BIGINT) AS "moment_bits",
 "account_id",
 "name",
 "owner_id",
 "has_owner",
 "account_currency",
 CAST("signal_density" AS BIGINT) AS "signal_density",
 CAST("mrr_units" AS BIGINT) AS "mrr_units",
 CAST("weighing_problems" AS BIGINT) AS "weighing_problems",
 "weighing_ticket_id",
 CAST("troubled_invoices" AS BIGINT) AS "troubled_invoices",
 "troubled_invoice_id",
 CAST("open_invoices" AS BIGINT) AS "open_invoices",
 CAST("cancel_at" AS BIGINT) AS "cancel_at",
 "renewal_risk_id",
 CAST("open_deals" AS BIGINT) AS "open_deals",
 "open_deal_id",
 "do_not_sell_why",
 CAST("do_not_sell_until" AS BIGINT) AS "do_not_sell_until",
 "has_usage_signal",
 "has_outcome_signal",
 "has_strategic_signal",
 "has_intent_signal",
 "in_renewal_window",
 CAST("outcomes_met" AS BIGINT) AS "outcomes_met",
 CAST("feature_requests_90d" AS BIGINT) AS "feature_requests_90d",
 CAST("milestones_28d" AS BIGINT) AS "milestones_28d",
 "payment_how",
 "leaving_how",
 "renewal_how",
 CAST("open_issue" AS INT) AS "open_issue",
 CAST("payment_trouble" AS INT) AS "payment_trouble",
 CAST("leaving" AS INT) AS "leaving",
 CAST("renewal_threat" AS INT) AS "renewal_threat",
 CAST("open_deal" AS INT) AS "open_deal",
 CAST("do_not_sell" AS INT) AS "do_not_sell",
 "factor",
 "path",
 "lane",
 "value_year"
FROM (
 SELECT
  "t9"."play",
  "t9"."grain",
  "t9"."source_row",
  "t9"."account_key",
  "t9"."product_id",
  "t9"."gate_product_id",
  "t9"."meter_id",
  "t9"."feature_id",
  "t9"."subject_add_on_id",
  "t9"."subject_plan_id",
  "t9"."target",
  "t9"."motion",
  "t9"."to_product_id",
  "t9"."to_plan_id",
  "t9"."to_add_on_id",
  "t9"."interval",
  "t9"."currency",
  "t9"."one_off_units",
  "t9"."meter_adoption",
  "t9"."rungs",
  "t9"."is_estimated",
  "t9"."is_quote",
  "t9"."stays",
  "t9"."adds_nothing",
  "t9"."is_hygiene",
  "t9"."prior",
  "t9"."lever",
  "t9"."segment",
  "t9"."likelihood",
  "t9"."is_prior",
  "t9"."quantity",
  "t9"."recurring_units",
  "t9"."overage_units",
  "t9"."saving_units",
  "t9"."committed_units",
  "t9"."rank_units",
  "t9"."any_hygiene",
  "t9"."evidence_0",
  "t9"."moment_bits",
  "t9"."account_id",
  "t9"."name",
  "t9"."owner_id",
  "t9"."has_owner",
  "t9"."account_currency",
  "t9"."signal_density",
  "t9"."mrr_units",
  "t9"."weighing_problems",
  "t9"."weighing_ticket_id",
  "t9"."troubled_invoices",
  "t9"."troubled_invoice_id",
  "t9"."open_invoices",
  "t9"."cancel_at",
  "t9"."renewal_risk_id",
  "t9"."open_deals",
  "t9"."open_deal_id",
  "t9"."do_not_sell_why",
  "t9"."do_not_sell_until",
  "t9"."has_usage_signal",
  "t9"."has_outcome_signal",
  "t9"."has_strategic_signal",
  "t9"."has_intent_signal",
  "t9"."in_renewal_window",
  "t9"."outcomes_met",
  "t9"."feature_requests_90d",
  "t9"."milestones_28d",
  "t9"."payment_how",
  "t9"."leaving_how",
  "t9"."renewal_how",
  "t9"."open_issue",
  "t9"."payment_trouble",
  "t9"."leaving",
  "t9"."renewal_threat",
  "t9"."open_deal",
  "t9"."do_not_sell",
  "t9"."factor",
  CASE
   WHEN "t9"."is_quote"
   OR (
    "t9"."open_deals" > 0
   )
   OR COALESCE(
    (
     CAST(GREATEST("t9"."recurring_units", "t9"."one_off_units") AS DOUBLE PRECISION) * 3.6075036075036075e-05 * "t9"."factor"
    ) > 1000000.0,
    "t9"."recurring_units" <> 0
   )
   OR COALESCE("t9"."has_owner", FALSE)
   THEN 'assisted'
   ELSE 'self_serve'
  END AS "path",
  CASE
   WHEN "t9"."motion" IN ('upsell', 'volume', 'add_on', 'cross_sell', 'commit')
   THEN CASE
    WHEN "t9"."is_quote"
    OR (
     "t9"."open_deals" > 0
    )
    OR COALESCE(
     (
      CAST(GREATEST("t9"."recurring_units", "t9"."one_off_units") AS DOUBLE PRECISION) * 3.6075036075036075e-05 * "t9"."factor"
     ) > 1000000.0,
     "t9"."recurring_units" <> 0
    )
    OR COALESCE("t9"."has_owner", FALSE)
    THEN 'assisted'
    ELSE 'self_serve'
   END
   ELSE 'care'
  END AS "lane",
  CASE
   WHEN "t9"."is_quote" AND (
    "t9"."rank_units" = 0
   )
   THEN CAST(NULL AS DOUBLE PRECISION)
   ELSE CAST("t9"."rank_units" AS DOUBLE PRECISION) * 3.6075036075036075e-05 * "t9"."factor"
  END AS "value_year"
 FROM (
  SELECT
   "t4"."play",
   "t4"."grain",
   "t4"."source_row",
   "t4"."account_key",
   "t4"."product_id",
   "t4"."gate_product_id",
   "t4"."meter_id",
   "t4"."feature_id",
   "t4"."subject_add_on_id",
   "t4"."subject_plan_id",
   "t4"."target",
   "t4"."motion",
   "t4"."to_product_id",
   "t4"."to_plan_id",
   "t4"."to_add_on_id",
   "t4"."interval",
   "t4"."currency",
   "t4"."one_off_units",
   "t4"."meter_adoption",
   "t4"."rungs",
   "t4"."is_estimated",
   "t4"."is_quote",
   "t4"."stays",
   "t4"."adds_nothing",
   "t4"."is_hygiene",
   "t4"."prior",
   "t4"."lever",
   "t4"."segment",
   "t4"."likelihood",
   "t4"."is_prior",
   "t4"."quantity",
   "t4"."recurring_units",
   "t4"."overage_units",
   "t4"."saving_units",
   "t4"."committed_units",
   "t4"."rank_units",
   "t4"."any_hygiene",
   "t4"."evidence_0",
   "t5"."moment_bits",
   "t8"."account_id",
   "t8"."name",
   "t8"."owner_id",
   "t8"."has_owner",
   "t8"."account_currency",
   "t8"."signal_density",
   "t8"."mrr_units",
   "t8"."weighing_problems",
   "t8"."weighing_ticket_id",
   "t8"."troubled_invoices",
   "t8"."troubled_invoice_id",
   "t8"."open_invoices",
   "t8"."cancel_at",
   "t8"."renewal_risk_id",
   "t8"."open_deals",
   "t8"."open_deal_id",
   "t8"."do_not_sell_why",
   "t8"."do_not_sell_until",
   "t8"."has_usage_signal",
   "t8"."has_outcome_signal",
   "t8"."has_strategic_signal",
   "t8"."has_intent_signal",
   "t8"."in_renewal_window",
   "t8"."outcomes_met",
   "t8"."feature_requests_90d",
   "t8"."milestones_28d",
   "t8"."payment_how",
   "t8"."leaving_how",
   "t8"."renewal_how",
   "t8"."open_issue",
   "t8"."payment_trouble",
   "t8"."leaving",
   "t8"."renewal_threat",
   "t8"."open_deal",
   "t8"."do_not_sell",
   "t6"."factor"
  FROM "steps" AS "t4"
  LEFT OUTER JOIN "timed" AS "t5"
   ON "t4"."account_key" = "t5"."account_key"
  LEFT OUTER JOIN (
   SELECT
    "t3"."account_key",
    "t3"."account_id",
    "t3"."name",
    "t3"."owner_id",
    "t3"."has_owner",
    "t3"."account_currency",
    "t3"."signal_density",
    "t3"."mrr_units",
    "t3"."weighing_problems",
    "t3"."weighing_ticket_id",
    "t3"."troubled_invoices",
    "t3"."troubled_invoice_id",
    "t3"."open_invoices",
    "t3"."cancel_at",
    "t3"."renewal_risk_id",
    "t3"."open_deals",
    "t3"."open_deal_id",
    "t3"."do_not_sell_why",
    "t3"."do_not_sell_until",
    "t3"."has_usage_signal",
    "t3"."has_outcome_signal",
    "t3"."has_strategic_signal",
    "t3"."has_intent_signal",
    "t3"."in_renewal_window",
    "t3"."outcomes_met",
    "t3"."feature_requests_90d",
    "t3"."milestones_28d",
    "t3"."payment_how",
    "t3"."leaving_how",
    "t3"."renewal_how",
    "t3"."open_issue",
    "t3"."payment_trouble",
    "t3"."leaving",
    "t3"."renewal_threat",
    "t3"."open_deal",
    "t3"."do_not_sell"
   FROM "account_gates" AS "t3"
  ) AS "t8"
   ON "t4"."account_key" = "t8"."account_key"
  LEFT OUTER JOIN "fx" AS "t6"
   ON "t4"."currency" = "t6"."currency"
 ) AS "t9"
) AS stage;

-- gated d9b8c7187e85a2cb
SELECT
 CAST("play" AS INT) AS "play",
 "grain",
 CAST("source_row" AS BIGINT) AS "source_row",
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "gate_product_id",
 "meter_id",
 "feature_id",
 "subject_add_on_id",
 "subject_plan_id",
 "target",
 "motion",
 "to_product_id",
 "to_plan_id",
 "to_add_on_id",
 "interval",
 "currency",
 CAST("one_off_units" AS BIGINT) AS "one_off_units",
 "meter_adoption",
 CAST("rungs" AS INT) AS "rungs",
 "is_estimated",
 "is_quote",
 "stays",
 "adds_nothing",
 "is_hygiene",
 "prior",
 "lever",
 "segment",
 "likelihood",
 "is_prior",
 CAST("quantity" AS BIGINT) AS "quantity",
 CAST("recurring_units" AS BIGINT) AS "recurring_units",
 CAST("overage_units" AS BIGINT) AS "overage_units",
 CAST("saving_units" AS BIGINT) AS "saving_units",
 CAST("committed_units" AS BIGINT) AS "committed_units",
 CAST("rank_units" AS BIGINT) AS "rank_units",
 "any_hygiene",
 CAST("evidence_0" AS BIGINT) AS "evidence_0",
 CAST("moment_bits" AS BIGINT) AS "moment_bits",
 "account_id",
 "name",
 "owner_id",
 "has_owner",
 "account_currency",
 CAST("signal_density" AS BIGINT) AS "signal_density",
 CAST("mrr_units" AS BIGINT) AS "mrr_units",
 CAST("weighing_problems" AS BIGINT) AS "weighing_problems",
 "weighing_ticket_id",
 CAST("troubled_invoices" AS BIGINT) AS "troubled_invoices",
 "troubled_invoice_id",
 CAST("open_invoices" AS BIGINT) AS "open_invoices",
 CAST("cancel_at" AS BIGINT) AS "cancel_at",
 "renewal_risk_id",
 CAST("open_deals" AS BIGINT) AS "open_deals",
 "open_deal_id",
 "do_not_sell_why",
 CAST("do_not_sell_until" AS BIGINT) AS "do_not_sell_until",
 "has_usage_signal",
 "has_outcome_signal",
 "has_strategic_signal",
 "has_intent_signal",
 "in_renewal_window",
 CAST("outcomes_met" AS BIGINT) AS "outcomes_met",
 CAST("feature_requests_90d" AS BIGINT) AS "feature_requests_90d",
 CAST("milestones_28d" AS BIGINT) AS "milestones_28d",
 "payment_how",
 "leaving_how",
 "renewal_how",
 CAST("open_issue" AS INT) AS "open_issue",
 CAST("payment_trouble" AS INT) AS "payment_trouble",
 CAST("leaving" AS INT) AS "leaving",
 CAST("renewal_threat" AS INT) AS "renewal_threat",
 CAST("open_deal" AS INT) AS "open_deal",
 CAST("do_not_sell" AS INT) AS "do_not_sell",
 "factor",
 "path",
 "lane",
 "value_year",
 "adoption",
 "first_value_how",
 CAST("bought_on" AS BIGINT) AS "bought_on",
 CAST("bought_days" AS BIGINT) AS "bought_days",
 CAST("just_purchased_until" AS BIGINT) AS "just_purchased_until",
 CAST("before_first_value" AS INT) AS "before_first_value",
 CAST("just_purchased" AS INT) AS "just_purchased",
 CAST("low_adoption" AS INT) AS "low_adoption",
 CAST("asked_at" AS BIGINT) AS "asked_at",
 CAST("step_declined_at" AS BIGINT) AS "step_declined_at",
 CAST("step_not_now_at" AS BIGINT) AS "step_not_now_at",
 "contact_hold_kind",
 CAST("contact_held_on" AS BIGINT) AS "contact_held_on",
 "has_priority",
 "has_sponsor",
 "goal_id",
 "is_planned",
 "led_by",
 "is_full",
 CAST("as_of" AS BIGINT) AS "as_of",
 CAST("asked_on" AS BIGINT) AS "asked_on",
 CAST("asked_until" AS BIGINT) AS "asked_until",
 CAST("gate_open_issue" AS INT) AS "gate_open_issue",
 CAST("gate_payment_trouble" AS INT) AS "gate_payment_trouble",
 CAST("gate_before_first_value" AS INT) AS "gate_before_first_value",
 CAST("gate_just_purchased" AS INT) AS "gate_just_purchased",
 CAST("gate_low_adoption" AS INT) AS "gate_low_adoption",
 CAST("gate_leaving" AS INT) AS "gate_leaving",
 CAST("gate_renewal_threat" AS INT) AS "gate_renewal_threat",
 CAST("gate_open_deal" AS INT) AS "gate_open_deal",
 CAST("gate_do_not_sell" AS INT) AS "gate_do_not_sell",
 CAST("gate_no_priority" AS INT) AS "gate_no_priority",
 CAST("gate_no_sponsor" AS INT) AS "gate_no_sponsor",
 CAST("gate_contact_hold" AS INT) AS "gate_contact_hold",
 CAST("gate_asked_recently" AS INT) AS "gate_asked_recently",
 CAST("gate_at_capacity" AS INT) AS "gate_at_capacity"
FROM (
 WITH "t14" AS (
  SELECT
   "t2"."as_of"
  FROM "today" AS "t2"
 )
 SELECT
  "t67"."play",
  "t67"."grain",
  "t67"."source_row",
  "t67"."account_key",
  "t67"."product_id",
  "t67"."gate_product_id",
  "t67"."meter_id",
  "t67"."feature_id",
  "t67"."subject_add_on_id",
  "t67"."subject_plan_id",
  "t67"."target",
  "t67"."motion",
  "t67"."to_product_id",
  "t67"."to_plan_id",
  "t67"."to_add_on_id",
  "t67"."interval",
  "t67"."currency",
  "t67"."one_off_units",
  "t67"."meter_adoption",
  "t67"."rungs",
  "t67"."is_estimated",
  "t67"."is_quote",
  "t67"."stays",
  "t67"."adds_nothing",
  "t67"."is_hygiene",
  "t67"."prior",
  "t67"."lever",
  "t67"."segment",
  "t67"."likelihood",
  "t67"."is_prior",
  "t67"."quantity",
  "t67"."recurring_units",
  "t67"."overage_units",
  "t67"."saving_units",
  "t67"."committed_units",
  "t67"."rank_units",
  "t67"."any_hygiene",
  "t67"."evidence_0",
  "t67"."moment_bits",
  "t67"."account_id",
  "t67"."name",
  "t67"."owner_id",
  "t67"."has_owner",
  "t67"."account_currency",
  "t67"."signal_density",
  "t67"."mrr_units",
  "t67"."weighing_problems",
  "t67"."weighing_ticket_id",
  "t67"."troubled_invoices",
  "t67"."troubled_invoice_id",
  "t67"."open_invoices",
  "t67"."cancel_at",
  "t67"."renewal_risk_id",
  "t67"."open_deals",
  "t67"."open_deal_id",
  "t67"."do_not_sell_why",
  "t67"."do_not_sell_until",
  "t67"."has_usage_signal",
  "t67"."has_outcome_signal",
  "t67"."has_strategic_signal",
  "t67"."has_intent_signal",
  "t67"."in_renewal_window",
  "t67"."outcomes_met",
  "t67"."feature_requests_90d",
  "t67"."milestones_28d",
  "t67"."payment_how",
  "t67"."leaving_how",
  "t67"."renewal_how",
  "t67"."open_issue",
  "t67"."payment_trouble",
  "t67"."leaving",
  "t67"."renewal_threat",
  "t67"."open_deal",
  "t67"."do_not_sell",
  "t67"."factor",
  "t67"."path",
  "t67"."lane",
  "t67"."value_year",
  "t67"."adoption",
  "t67"."first_value_how",
  "t67"."bought_on",
  "t67"."bought_days",
  "t67"."just_purchased_until",
  "t67"."before_first_value",
  "t67"."just_purchased",
  "t67"."low_adoption",
  "t67"."asked_at",
  "t67"."step_declined_at",
  "t67"."step_not_now_at",
  "t67"."contact_hold_kind",
  "t67"."contact_held_on",
  "t67"."has_priority",
  "t67"."has_sponsor",
  "t67"."goal_id",
  "t67"."is_planned",
  "t67"."led_by",
  "t67"."is_full",
  "t67"."as_of",
  COALESCE("t67"."asked_at", "t67"."step_declined_at", "t67"."step_not_now_at") AS "asked_on",
  GREATEST(
   COALESCE("t67"."asked_at" + 2592000, 0),
   COALESCE("t67"."step_declined_at" + 7776000, 0),
   COALESCE("t67"."step_not_now_at" + 1209600, 0)
  ) AS "asked_until",
  "t67"."open_issue" AS "gate_open_issue",
  CASE
   WHEN "t67"."motion" IN ('upsell', 'volume', 'add_on', 'cross_sell', 'commit')
   THEN "t67"."payment_trouble"
   ELSE 3
  END AS "gate_payment_trouble",
  CASE
   WHEN "t67"."motion" IN ('upsell', 'volume', 'add_on', 'cross_sell', 'commit')
   THEN COALESCE("t67"."before_first_value", 2)
   ELSE 3
  END AS "gate_before_first_value",
  CASE
   WHEN "t67"."motion" IN ('upsell', 'volume', 'add_on', 'cross_sell', 'commit')
   AND NOT (
    "t67"."motion" = 'cross_sell'
   )
   AND NOT (
    "t67"."play" IN (10) AND COALESCE((
     "t67"."moment_bits" & 2
    ) <> 0, FALSE)
   )
   THEN COALESCE("t67"."just_purchased", 0)
   ELSE 3
  END AS "gate_just_purchased",
  CASE
   WHEN "t67"."motion" IN ('upsell', 'volume', 'add_on', 'cross_sell', 'commit')
   AND NOT (
    "t67"."motion" = 'cross_sell'
   )
   THEN COALESCE(
    CASE
     WHEN "t67"."meter_adoption" IS NOT NULL
     THEN CASE WHEN (
      "t67"."meter_adoption" * 100.0
     ) <= 40.0 THEN 1 ELSE 0 END
     ELSE CAST(NULL AS INT)
    END,
    "t67"."low_adoption",
    3
   )
   ELSE 3
  END AS "gate_low_adoption",
  CASE
   WHEN "t67"."motion" IN ('upsell', 'volume', 'add_on', 'cross_sell', 'commit')
   THEN "t67"."leaving"
   ELSE 3
  END AS "gate_leaving",
  CASE
   WHEN "t67"."motion" IN ('upsell', 'volume', 'add_on', 'cross_sell', 'commit')
   THEN "t67"."renewal_threat"
   ELSE 3
  END AS "gate_renewal_threat",
  3 AS "gate_open_deal",
  CASE
   WHEN "t67"."motion" IN ('upsell', 'volume', 'add_on', 'cross_sell', 'commit')
   THEN "t67"."do_not_sell"
   ELSE 3
  END AS "gate_do_not_sell",
  CAST(CASE
   WHEN (
    "t67"."path" = 'assisted'
   )
   AND "t67"."motion" IN ('upsell', 'volume', 'add_on', 'cross_sell', 'commit')
   AND (
    "t67"."motion" <> 'commit'
   )
   AND NOT (
    "t67"."motion" IN ('upsell', 'volume')
    AND "t67"."any_hygiene"
    AND COALESCE(
     CASE
      WHEN "t67"."meter_adoption" IS NOT NULL
      THEN CASE WHEN (
       "t67"."meter_adoption" * 100.0
      ) <= 40.0 THEN 1 ELSE 0 END
      ELSE CAST(NULL AS INT)
     END,
     "t67"."low_adoption",
     3
    ) IN (0, 3)
   )
   THEN CASE
    WHEN COALESCE(NOT (
     COALESCE("t67"."has_priority", FALSE)
    ), FALSE)
    THEN 1
    ELSE 0
   END
   ELSE 3
  END AS INT) AS "gate_no_priority",
  CAST(CASE
   WHEN (
    "t67"."path" = 'assisted'
   )
   AND "t67"."motion" IN ('upsell', 'volume', 'add_on', 'cross_sell', 'commit')
   AND (
    "t67"."motion" <> 'commit'
   )
   AND NOT (
    "t67"."motion" IN ('upsell', 'volume')
    AND "t67"."any_hygiene"
    AND COALESCE(
     CASE
      WHEN "t67"."meter_adoption" IS NOT NULL
      THEN CASE WHEN (
       "t67"."meter_adoption" * 100.0
      ) <= 40.0 THEN 1 ELSE 0 END
      ELSE CAST(NULL AS INT)
     END,
     "t67"."low_adoption",
     3
    ) IN (0, 3)
   )
   AND COALESCE("t67"."has_priority", FALSE)
   THEN CASE
    WHEN COALESCE(NOT (
     COALESCE("t67"."has_sponsor", FALSE)
    ), FALSE)
    THEN 1
    ELSE 0
   END
   ELSE 3
  END AS INT) AS "gate_no_sponsor",
  CAST(CASE
   WHEN (
    "t67"."motion" = 'adopt'
   )
   OR (
    NOT (
     "t67"."path" = 'assisted'
    ) AND (
     "t67"."motion" <> 'right_size'
    )
   )
   THEN CASE WHEN COALESCE("t67"."contact_held_on" IS NOT NULL, FALSE) THEN 1 ELSE 0 END
   ELSE 3
  END AS INT) AS "gate_contact_hold",
  CAST(CASE
   WHEN COALESCE(
    (
     "t67"."asked_at" > (
      "t67"."as_of" - 2592000
     )
    )
    OR (
     "t67"."step_declined_at" > (
      "t67"."as_of" - 7776000
     )
    )
    OR (
     "t67"."step_not_now_at" > (
      "t67"."as_of" - 1209600
     )
    ),
    FALSE
   )
   THEN 1
   ELSE 0
  END AS INT) AS "gate_asked_recently",
  CAST(CASE
   WHEN (
    "t67"."path" = 'assisted'
   )
   OR NOT (
    "t67"."motion" IN ('upsell', 'volume', 'add_on', 'cross_sell', 'commit')
   )
   THEN CASE
    WHEN COALESCE("t67"."is_full" AND NOT (
     COALESCE("t67"."is_planned", FALSE)
    ), FALSE)
    THEN 1
    ELSE 0
   END
   ELSE 3
  END AS INT) AS "gate_at_capacity"
 FROM (
  SELECT
   "t66"."play",
   "t66"."grain",
   "t66"."source_row",
   "t66"."account_key",
   "t66"."product_id",
   "t66"."gate_product_id",
   "t66"."meter_id",
   "t66"."feature_id",
   "t66"."subject_add_on_id",
   "t66"."subject_plan_id",
   "t66"."target",
   "t66"."motion",
   "t66"."to_product_id",
   "t66"."to_plan_id",
   "t66"."to_add_on_id",
   "t66"."interval",
   "t66"."currency",
   "t66"."one_off_units",
   "t66"."meter_adoption",
   "t66"."rungs",
   "t66"."is_estimated",
   "t66"."is_quote",
   "t66"."stays",
   "t66"."adds_nothing",
   "t66"."is_hygiene",
   "t66"."prior",
   "t66"."lever",
   "t66"."segment",
   "t66"."likelihood",
   "t66"."is_prior",
   "t66"."quantity",
   "t66"."recurring_units",
   "t66"."overage_units",
   "t66"."saving_units",
   "t66"."committed_units",
   "t66"."rank_units",
   "t66"."any_hygiene",
   "t66"."evidence_0",
   "t66"."moment_bits",
   "t66"."account_id",
   "t66"."name",
   "t66"."owner_id",
   "t66"."has_owner",
   "t66"."account_currency",
   "t66"."signal_density",
   "t66"."mrr_units",
   "t66"."weighing_problems",
   "t66"."weighing_ticket_id",
   "t66"."troubled_invoices",
   "t66"."troubled_invoice_id",
   "t66"."open_invoices",
   "t66"."cancel_at",
   "t66"."renewal_risk_id",
   "t66"."open_deals",
   "t66"."open_deal_id",
   "t66"."do_not_sell_why",
   "t66"."do_not_sell_until",
   "t66"."has_usage_signal",
   "t66"."has_outcome_signal",
   "t66"."has_strategic_signal",
   "t66"."has_intent_signal",
   "t66"."in_renewal_window",
   "t66"."outcomes_met",
   "t66"."feature_requests_90d",
   "t66"."milestones_28d",
   "t66"."payment_how",
   "t66"."leaving_how",
   "t66"."renewal_how",
   "t66"."open_issue",
   "t66"."payment_trouble",
   "t66"."leaving",
   "t66"."renewal_threat",
   "t66"."open_deal",
   "t66"."do_not_sell",
   "t66"."factor",
   "t66"."path",
   "t66"."lane",
   "t66"."value_year",
   "t66"."adoption",
   "t66"."first_value_how",
   "t66"."bought_on",
   "t66"."bought_days",
   "t66"."just_purchased_until",
   "t66"."before_first_value",
   "t66"."just_purchased",
   "t66"."low_adoption",
   "t66"."asked_at",
   "t66"."step_declined_at",
   "t66"."step_not_now_at",
   "t66"."contact_hold_kind",
   "t66"."contact_held_on",
   "t66"."has_priority",
   "t66"."has_sponsor",
   "t66"."goal_id",
   "t66"."is_planned",
   "t66"."led_by",
   "t18"."is_full",
   "t26"."as_of"
  FROM (
   SELECT
    "t64"."play",
    "t64"."grain",
    "t64"."source_row",
    "t64"."account_key",
    "t64"."product_id",
    "t64"."gate_product_id",
    "t64"."meter_id",
    "t64"."feature_id",
    "t64"."subject_add_on_id",
    "t64"."subject_plan_id",
    "t64"."target",
    "t64"."motion",
    "t64"."to_product_id",
    "t64"."to_plan_id",
    "t64"."to_add_on_id",
    "t64"."interval",
    "t64"."currency",
    "t64"."one_off_units",
    "t64"."meter_adoption",
    "t64"."rungs",
    "t64"."is_estimated",
    "t64"."is_quote",
    "t64"."stays",
    "t64"."adds_nothing",
    "t64"."is_hygiene",
    "t64"."prior",
    "t64"."lever",
    "t64"."segment",
    "t64"."likelihood",
    "t64"."is_prior",
    "t64"."quantity",
    "t64"."recurring_units",
    "t64"."overage_units",
    "t64"."saving_units",
    "t64"."committed_units",
    "t64"."rank_units",
    "t64"."any_hygiene",
    "t64"."evidence_0",
    "t64"."moment_bits",
    "t64"."account_id",
    "t64"."name",
    "t64"."owner_id",
    "t64"."has_owner",
    "t64"."account_currency",
    "t64"."signal_density",
    "t64"."mrr_units",
    "t64"."weighing_problems",
    "t64"."weighing_ticket_id",
    "t64"."troubled_invoices",
    "t64"."troubled_invoice_id",
    "t64"."open_invoices",
    "t64"."cancel_at",
    "t64"."renewal_risk_id",
    "t64"."open_deals",
    "t64"."open_deal_id",
    "t64"."do_not_sell_why",
    "t64"."do_not_sell_until",
    "t64"."has_usage_signal",
    "t64"."has_outcome_signal",
    "t64"."has_strategic_signal",
    "t64"."has_intent_signal",
    "t64"."in_renewal_window",
    "t64"."outcomes_met",
    "t64"."feature_requests_90d",
    "t64"."milestones_28d",
    "t64"."payment_how",
    "t64"."leaving_how",
    "t64"."renewal_how",
    "t64"."open_issue",
    "t64"."payment_trouble",
    "t64"."leaving",
    "t64"."renewal_threat",
    "t64"."open_deal",
    "t64"."do_not_sell",
    "t64"."factor",
    "t64"."path",
    "t64"."lane",
    "t64"."value_year",
    "t64"."adoption",
    "t64"."first_value_how",
    "t64"."bought_on",
    "t64"."bought_days",
    "t64"."just_purchased_until",
    "t64"."before_first_value",
    "t64"."just_purchased",
    "t64"."low_adoption",
    "t64"."asked_at",
    "t64"."step_declined_at",
    "t64"."step_not_now_at",
    "t64"."contact_hold_kind",
    "t64"."contact_held_on",
    "t64"."has_priority",
    "t64"."has_sponsor",
    "t64"."goal_id",
    "t64"."is_planned",
    CASE
     WHEN "t64"."path" = 'assisted'
     THEN COALESCE("t64"."owner_id", CAST(NULL AS VARCHAR))
     ELSE "t64"."owner_id"
    END AS "led_by"
   FROM (
    SELECT
     "t11"."play",
     "t11"."grain",
     "t11"."source_row",
     "t11"."account_key",
     "t11"."product_id",
     "t11"."gate_product_id",
     "t11"."meter_id",
     "t11"."feature_id",
     "t11"."subject_add_on_id",
     "t11"."subject_plan_id",
     "t11"."target",
     "t11"."motion",
     "t11"."to_product_id",
     "t11"."to_plan_id",
     "t11"."to_add_on_id",
     "t11"."interval",
     "t11"."currency",
     "t11"."one_off_units",
     "t11"."meter_adoption",
     "t11"."rungs",
     "t11"."is_estimated",
     "t11"."is_quote",
     "t11"."stays",
     "t11"."adds_nothing",
     "t11"."is_hygiene",
     "t11"."prior",
     "t11"."lever",
     "t11"."segment",
     "t11"."likelihood",
     "t11"."is_prior",
     "t11"."quantity",
     "t11"."recurring_units",
     "t11"."overage_units",
     "t11"."saving_units",
     "t11"."committed_units",
     "t11"."rank_units",
     "t11"."any_hygiene",
     "t11"."evidence_0",
     "t11"."moment_bits",
     "t11"."account_id",
     "t11"."name",
     "t11"."owner_id",
     "t11"."has_owner",
     "t11"."account_currency",
     "t11"."signal_density",
     "t11"."mrr_units",
     "t11"."weighing_problems",
     "t11"."weighing_ticket_id",
     "t11"."troubled_invoices",
     "t11"."troubled_invoice_id",
     "t11"."open_invoices",
     "t11"."cancel_at",
     "t11"."renewal_risk_id",
     "t11"."open_deals",
     "t11"."open_deal_id",
     "t11"."do_not_sell_why",
     "t11"."do_not_sell_until",
     "t11"."has_usage_signal",
     "t11"."has_outcome_signal",
     "t11"."has_strategic_signal",
     "t11"."has_intent_signal",
     "t11"."in_renewal_window",
     "t11"."outcomes_met",
     "t11"."feature_requests_90d",
     "t11"."milestones_28d",
     "t11"."payment_how",
     "t11"."leaving_how",
     "t11"."renewal_how",
     "t11"."open_issue",
     "t11"."payment_trouble",
     "t11"."leaving",
     "t11"."renewal_threat",
     "t11"."open_deal",
     "t11"."do_not_sell",
     "t11"."factor",
     "t11"."path",
     "t11"."lane",
     "t11"."value_year",
     "t20"."adoption",
     "t20"."first_value_how",
     "t20"."bought_on",
     "t20"."bought_days",
     "t20"."just_purchased_until",
     "t20"."before_first_value",
     "t20"."just_purchased",
     "t20"."low_adoption",
     "t56"."asked_at",
     "t28"."step_declined_at",
     "t28"."step_not_now_at",
     "t29"."contact_hold_kind",
     "t29"."contact_held_on",
     "t63"."has_priority",
     "t63"."has_sponsor",
     "t63"."goal_id",
     "t33"."is_planned"
    FROM "placed" AS "t11"
    LEFT OUTER JOIN (
     SELECT
      "t3"."account_key",
      "t3"."product_id" AS "gate_product_id",
      "t3"."adoption",
      "t3"."first_value_how",
      "t3"."bought_on",
      "t3"."bought_days",
      "t3"."just_purchased_until",
      "t3"."before_first_value",
      "t3"."just_purchased",
      "t3"."low_adoption"
     FROM "product_gates" AS "t3"
    ) AS "t20"
     ON "t11"."account_key" = "t20"."account_key"
     AND "t11"."gate_product_id" = "t20"."gate_product_id"
    LEFT OUTER JOIN (
     SELECT
      "t51"."account_key",
      "t51"."to_product_id",
      "t51"."target",
      MAX("t51"."shown_at") AS "asked_at"
     FROM (
      SELECT
       *
      FROM (
       SELECT
        "t47"."account_key",
        "t47"."to_product_id",
        "t47"."target",
        "t47"."shown_at",
        "t47"."cools_own_step",
        "t47"."asked_product_id",
        "t47"."asked_target",
        "t31"."looked_at"
       FROM (
        SELECT
         *
        FROM (
         SELECT
          "t39"."account_key",
          "t39"."to_product_id",
          "t39"."target",
          "t22"."shown_at",
          "t22"."cools_own_step",
          "t22"."asked_product_id",
          "t22"."asked_target"
         FROM (
          SELECT
           "t35"."account_key",
           "t35"."to_product_id",
           "t35"."target"
          FROM (
           SELECT
            "t11"."play",
            "t11"."grain",
            "t11"."source_row",
            "t11"."account_key",
            "t11"."product_id",
            "t11"."gate_product_id",
            "t11"."meter_id",
            "t11"."feature_id",
            "t11"."subject_add_on_id",
            "t11"."subject_plan_id",
            "t11"."target",
            "t11"."motion",
            "t11"."to_product_id",
            "t11"."to_plan_id",
            "t11"."to_add_on_id",
            "t11"."interval",
            "t11"."currency",
            "t11"."one_off_units",
            "t11"."meter_adoption",
            "t11"."rungs",
            "t11"."is_estimated",
            "t11"."is_quote",
            "t11"."stays",
            "t11"."adds_nothing",
            "t11"."is_hygiene",
            "t11"."prior",
            "t11"."lever",
            "t11"."segment",
            "t11"."likelihood",
            "t11"."is_prior",
            "t11"."quantity",
            "t11"."recurring_units",
            "t11"."overage_units",
            "t11"."saving_units",
            "t11"."committed_units",
            "t11"."rank_units",
            "t11"."any_hygiene",
            "t11"."evidence_0",
            "t11"."moment_bits",
            "t11"."account_id",
            "t11"."name",
            "t11"."owner_id",
            "t11"."has_owner",
            "t11"."account_currency",
            "t11"."signal_density",
            "t11"."mrr_units",
            "t11"."weighing_problems",
            "t11"."weighing_ticket_id",
            "t11"."troubled_invoices",
            "t11"."troubled_invoice_id",
            "t11"."open_invoices",
            "t11"."cancel_at",
            "t11"."renewal_risk_id",
            "t11"."open_deals",
            "t11"."open_deal_id",
            "t11"."do_not_sell_why",
            "t11"."do_not_sell_until",
            "t11"."has_usage_signal",
            "t11"."has_outcome_signal",
            "t11"."has_strategic_signal",
            "t11"."has_intent_signal",
            "t11"."in_renewal_window",
            "t11"."outcomes_met",
            "t11"."feature_requests_90d",
            "t11"."milestones_28d",
            "t11"."payment_how",
            "t11"."leaving_how",
            "t11"."renewal_how",
            "t11"."open_issue",
            "t11"."payment_trouble",
            "t11"."leaving",
            "t11"."renewal_threat",
            "t11"."open_deal",
            "t11"."do_not_sell",
            "t11"."factor",
            "t11"."path",
            "t11"."lane",
            "t11"."value_year",
            "t20"."adoption",
            "t20"."first_value_how",
            "t20"."bought_on",
            "t20"."bought_days",
            "t20"."just_purchased_until",
            "t20"."before_first_value",
            "t20"."just_purchased",
            "t20"."low_adoption"
           FROM "placed" AS "t11"
           LEFT OUTER JOIN (
            SELECT
             "t3"."account_key",
             "t3"."product_id" AS "gate_product_id",
             "t3"."adoption",
             "t3"."first_value_how",
             "t3"."bought_on",
             "t3"."bought_days",
             "t3"."just_purchased_until",
             "t3"."before_first_value",
             "t3"."just_purchased",
             "t3"."low_adoption"
            FROM "product_gates" AS "t3"
           ) AS "t20"
            ON "t11"."account_key" = "t20"."account_key"
            AND "t11"."gate_product_id" = "t20"."gate_product_id"
          ) AS "t35"
         ) AS "t39"
         INNER JOIN (
          SELECT
           "t4"."account_key",
           "t4"."shown_at",
           "t4"."cools_own_step",
           "t4"."to_product_id" AS "asked_product_id",
           "t4"."target" AS "asked_target"
          FROM "offer_history" AS "t4"
         ) AS "t22"
          ON "t39"."account_key" = "t22"."account_key"
        ) AS "t41"
        WHERE
         "t41"."cools_own_step"
         OR COALESCE(
          (
           "t41"."asked_product_id" <> "t41"."to_product_id"
          )
          OR (
           "t41"."asked_target" <> "t41"."target"
          ),
          TRUE
         )
       ) AS "t47"
       LEFT OUTER JOIN (
        SELECT
         "t7"."account_key",
         "t7"."looked_at",
         "t7"."product_id" AS "to_product_id",
         'adopt:' || "t7"."meter_id" AS "target"
        FROM "follow_up" AS "t7"
       ) AS "t31"
        ON "t47"."account_key" = "t31"."account_key"
        AND "t47"."to_product_id" = "t31"."to_product_id"
        AND "t47"."target" = "t31"."target"
      ) AS "t49"
      WHERE
       COALESCE("t49"."shown_at" > "t49"."looked_at", TRUE)
     ) AS "t51"
     GROUP BY
      1,
      2,
      3
    ) AS "t56"
     ON "t11"."account_key" = "t56"."account_key"
     AND "t11"."to_product_id" = "t56"."to_product_id"
     AND "t11"."target" = "t56"."target"
    LEFT OUTER JOIN (
     SELECT
      "t4"."account_key",
      "t4"."to_product_id",
      "t4"."target",
      MAX("t4"."declined_at") AS "step_declined_at",
      MAX("t4"."not_now_at") AS "step_not_now_at"
     FROM "offer_history" AS "t4"
     GROUP BY
      1,
      2,
      3
    ) AS "t28"
     ON "t11"."account_key" = "t28"."account_key"
     AND "t11"."to_product_id" = "t28"."to_product_id"
     AND "t11"."target" = "t28"."target"
    LEFT OUTER JOIN (
     SELECT
      "t5"."account_key",
      MAX("t5"."kind") AS "contact_hold_kind",
      MAX("t5"."held_at") AS "contact_held_on"
     FROM "contact_hold" AS "t5"
     GROUP BY
      1
    ) AS "t29"
     ON "t11"."account_key" = "t29"."account_key"
    LEFT OUTER JOIN (
     SELECT
      "t61"."account_key",
      "t61"."to_product_id",
      "t61"."target",
      BOOL_OR("t61"."goal_id" IS NOT NULL) AS "has_priority",
      BOOL_OR("t61"."has_sponsor") AS "has_sponsor",
      MIN("t61"."goal_id") AS "goal_id"
     FROM (
      SELECT
       *
      FROM (
       SELECT
        "t59"."account_key",
        "t59"."to_product_id",
        "t59"."target",
        "t59"."to_plan_id",
        "t55"."goal_id",
        "t55"."advances",
        "t55"."has_sponsor"
       FROM (
        SELECT
         "t57"."account_key",
         "t57"."to_product_id",
         "t57"."target",
         "t57"."to_plan_id"
        FROM (
         SELECT
          "t11"."play",
          "t11"."grain",
          "t11"."source_row",
          "t11"."account_key",
          "t11"."product_id",
          "t11"."gate_product_id",
          "t11"."meter_id",
          "t11"."feature_id",
          "t11"."subject_add_on_id",
          "t11"."subject_plan_id",
          "t11"."target",
          "t11"."motion",
          "t11"."to_product_id",
          "t11"."to_plan_id",
          "t11"."to_add_on_id",
          "t11"."interval",
          "t11"."currency",
          "t11"."one_off_units",
          "t11"."meter_adoption",
          "t11"."rungs",
          "t11"."is_estimated",
          "t11"."is_quote",
          "t11"."stays",
          "t11"."adds_nothing",
          "t11"."is_hygiene",
          "t11"."prior",
          "t11"."lever",
          "t11"."segment",
          "t11"."likelihood",
          "t11"."is_prior",
          "t11"."quantity",
          "t11"."recurring_units",
          "t11"."overage_units",
          "t11"."saving_units",
          "t11"."committed_units",
          "t11"."rank_units",
          "t11"."any_hygiene",
          "t11"."evidence_0",
          "t11"."moment_bits",
          "t11"."account_id",
          "t11"."name",
          "t11"."owner_id",
          "t11"."has_owner",
          "t11"."account_currency",
          "t11"."signal_density",
          "t11"."mrr_units",
          "t11"."weighing_problems",
          "t11"."weighing_ticket_id",
          "t11"."troubled_invoices",
          "t11"."troubled_invoice_id",
          "t11"."open_invoices",
          "t11"."cancel_at",
          "t11"."renewal_risk_id",
          "t11"."open_deals",
          "t11"."open_deal_id",
          "t11"."do_not_sell_why",
          "t11"."do_not_sell_until",
          "t11"."has_usage_signal",
          "t11"."has_outcome_signal",
          "t11"."has_strategic_signal",
          "t11"."has_intent_signal",
          "t11"."in_renewal_window",
          "t11"."outcomes_met",
          "t11"."feature_requests_90d",
          "t11"."milestones_28d",
          "t11"."payment_how",
          "t11"."leaving_how",
          "t11"."renewal_how",
          "t11"."open_issue",
          "t11"."payment_trouble",
          "t11"."leaving",
          "t11"."renewal_threat",
          "t11"."open_deal",
          "t11"."do_not_sell",
          "t11"."factor",
          "t11"."path",
          "t11"."lane",
          "t11"."value_year",
          "t20"."adoption",
          "t20"."first_value_how",
          "t20"."bought_on",
          "t20"."bought_days",
          "t20"."just_purchased_until",
          "t20"."before_first_value",
          "t20"."just_purchased",
          "t20"."low_adoption",
          "t56"."asked_at",
          "t28"."step_declined_at",
          "t28"."step_not_now_at",
          "t29"."contact_hold_kind",
          "t29"."contact_held_on"
         FROM "placed" AS "t11"
         LEFT OUTER JOIN (
          SELECT
           "t3"."account_key",
           "t3"."product_id" AS "gate_product_id",
           "t3"."adoption",
           "t3"."first_value_how",
           "t3"."bought_on",
           "t3"."bought_days",
           "t3"."just_purchased_until",
           "t3"."before_first_value",
           "t3"."just_purchased",
           "t3"."low_adoption"
          FROM "product_gates" AS "t3"
         ) AS "t20"
          ON "t11"."account_key" = "t20"."account_key"
          AND "t11"."gate_product_id" = "t20"."gate_product_id"
         LEFT OUTER JOIN (
          SELECT
           "t51"."account_key",
           "t51"."to_product_id",
           "t51"."target",
           MAX("t51"."shown_at") AS "asked_at"
          FROM (
           SELECT
            *
           FROM (
            SELECT
             "t47"."account_key",
             "t47"."to_product_id",
             "t47"."target",
             "t47"."shown_at",
             "t47"."cools_own_step",
             "t47"."asked_product_id",
             "t47"."asked_target",
             "t31"."looked_at"
            FROM (
             SELECT
              *
             FROM (
              SELECT
               "t39"."account_key",
               "t39"."to_product_id",
               "t39"."target",
               "t22"."shown_at",
               "t22"."cools_own_step",
               "t22"."asked_product_id",
               "t22"."asked_target"
              FROM (
               SELECT
                "t35"."account_key",
                "t35"."to_product_id",
                "t35"."target"
               FROM (
                SELECT
                 "t11"."play",
                 "t11"."grain",
                 "t11"."source_row",
                 "t11"."account_key",
                 "t11"."product_id",
                 "t11"."gate_product_id",
                 "t11"."meter_id",
                 "t11"."feature_id",
                 "t11"."subject_add_on_id",
                 "t11"."subject_plan_id",
                 "t11"."target",
                 "t11"."motion",
                 "t11"."to_product_id",
                 "t11"."to_plan_id",
                 "t11"."to_add_on_id",
                 "t11"."interval",
                 "t11"."currency",
                 "t11"."one_off_units",
                 "t11"."meter_adoption",
                 "t11"."rungs",
                 "t11"."is_estimated",
                 "t11"."is_quote",
                 "t11"."stays",
                 "t11"."adds_nothing",
                 "t11"."is_hygiene",
                 "t11"."prior",
                 "t11"."lever",
                 "t11"."segment",
                 "t11"."likelihood",
                 "t11"."is_prior",
                 "t11"."quantity",
                 "t11"."recurring_units",
                 "t11"."overage_units",
                 "t11"."saving_units",
                 "t11"."committed_units",
                 "t11"."rank_units",
                 "t11"."any_hygiene",
                 "t11"."evidence_0",
                 "t11"."moment_bits",
                 "t11"."account_id",
                 "t11"."name",
                 "t11"."owner_id",
                 "t11"."has_owner",
                 "t11"."account_currency",
                 "t11"."signal_density",
                 "t11"."mrr_units",
                 "t11"."weighing_problems",
                 "t11"."weighing_ticket_id",
                 "t11"."troubled_invoices",
                 "t11"."troubled_invoice_id",
                 "t11"."open_invoices",
                 "t11"."cancel_at",
                 "t11"."renewal_risk_id",
                 "t11"."open_deals",
                 "t11"."open_deal_id",
                 "t11"."do_not_sell_why",
                 "t11"."do_not_sell_until",
                 "t11"."has_usage_signal",
                 "t11"."has_outcome_signal",
                 "t11"."has_strategic_signal",
                 "t11"."has_intent_signal",
                 "t11"."in_renewal_window",
                 "t11"."outcomes_met",
                 "t11"."feature_requests_90d",
                 "t11"."milestones_28d",
                 "t11"."payment_how",
                 "t11"."leaving_how",
                 "t11"."renewal_how",
                 "t11"."open_issue",
                 "t11"."payment_trouble",
                 "t11"."leaving",
                 "t11"."renewal_threat",
                 "t11"."open_deal",
                 "t11"."do_not_sell",
                 "t11"."factor",
                 "t11"."path",
                 "t11"."lane",
                 "t11"."value_year",
                 "t20"."adoption",
                 "t20"."first_value_how",
                 "t20"."bought_on",
                 "t20"."bought_days",
                 "t20"."just_purchased_until",
                 "t20"."before_first_value",
                 "t20"."just_purchased",
                 "t20"."low_adoption"
                FROM "placed" AS "t11"
                LEFT OUTER JOIN (
                 SELECT
                  "t3"."account_key",
                  "t3"."product_id" AS "gate_product_id",
                  "t3"."adoption",
                  "t3"."first_value_how",
                  "t3"."bought_on",
                  "t3"."bought_days",
                  "t3"."just_purchased_until",
                  "t3"."before_first_value",
                  "t3"."just_purchased",
                  "t3"."low_adoption"
                 FROM "product_gates" AS "t3"
                ) AS "t20"
                 ON "t11"."account_key" = "t20"."account_key"
                 AND "t11"."gate_product_id" = "t20"."gate_product_id"
               ) AS "t35"
              ) AS "t39"
              INNER JOIN (
               SELECT
                "t4"."account_key",
                "t4"."shown_at",
                "t4"."cools_own_step",
                "t4"."to_product_id" AS "asked_product_id",
                "t4"."target" AS "asked_target"
               FROM "offer_history" AS "t4"
              ) AS "t22"
               ON "t39"."account_key" = "t22"."account_key"
             ) AS "t41"
             WHERE
              "t41"."cools_own_step"
              OR COALESCE(
               (
                "t41"."asked_product_id" <> "t41"."to_product_id"
               )
               OR (
                "t41"."asked_target" <> "t41"."target"
               ),
               TRUE
              )
            ) AS "t47"
            LEFT OUTER JOIN (
             SELECT
              "t7"."account_key",
              "t7"."looked_at",
              "t7"."product_id" AS "to_product_id",
              'adopt:' || "t7"."meter_id" AS "target"
             FROM "follow_up" AS "t7"
            ) AS "t31"
             ON "t47"."account_key" = "t31"."account_key"
             AND "t47"."to_product_id" = "t31"."to_product_id"
             AND "t47"."target" = "t31"."target"
           ) AS "t49"
           WHERE
            COALESCE("t49"."shown_at" > "t49"."looked_at", TRUE)
          ) AS "t51"
          GROUP BY
           1,
           2,
           3
         ) AS "t56"
          ON "t11"."account_key" = "t56"."account_key"
          AND "t11"."to_product_id" = "t56"."to_product_id"
          AND "t11"."target" = "t56"."target"
         LEFT OUTER JOIN (
          SELECT
           "t4"."account_key",
           "t4"."to_product_id",
           "t4"."target",
           MAX("t4"."declined_at") AS "step_declined_at",
           MAX("t4"."not_now_at") AS "step_not_now_at"
          FROM "offer_history" AS "t4"
          GROUP BY
           1,
           2,
           3
         ) AS "t28"
          ON "t11"."account_key" = "t28"."account_key"
          AND "t11"."to_product_id" = "t28"."to_product_id"
          AND "t11"."target" = "t28"."target"
         LEFT OUTER JOIN (
          SELECT
           "t5"."account_key",
           MAX("t5"."kind") AS "contact_hold_kind",
           MAX("t5"."held_at") AS "contact_held_on"
          FROM "contact_hold" AS "t5"
          GROUP BY
           1
         ) AS "t29"
          ON "t11"."account_key" = "t29"."account_key"
        ) AS "t57"
       ) AS "t59"
       INNER JOIN (
        SELECT
         *
        FROM "goals" AS "t8"
        UNION ALL
        SELECT
         *
        FROM (
         SELECT
          "t50"."account_key",
          "t50"."goal_id",
          '
' || COALESCE("t50"."advances", '') || '
' AS "advances",
          (
           "t50"."sponsor_contact_id" IS NOT NULL
          )
          AND (
           (
            "t50"."left_at" IS NULL
           ) OR (
            "t50"."left_at" > "t50"."as_of"
           )
          ) AS "has_sponsor"
         FROM (
          SELECT
           "t48"."account_key",
           "t48"."goal_id",
           "t48"."contact_id",
           "t48"."advances",
           "t48"."sponsor_contact_id",
           "t48"."stated_at",
           "t48"."as_of",
           "t48"."left_at"
          FROM (
           SELECT
            "t46"."account_key",
            "t46"."goal_id",
            "t46"."contact_id",
            "t46"."advances",
            "t46"."sponsor_contact_id",
            "t46"."stated_at",
            "t46"."as_of",
            "t32"."gone_id",
            "t32"."left_at"
           FROM (
            SELECT
             "t43"."account_key",
             "t43"."goal_id",
             "t43"."contact_id",
             "t43"."advances",
             "t43"."sponsor_contact_id",
             "t43"."stated_at",
             "t43"."as_of"
            FROM (
             SELECT
              *
             FROM (
              SELECT
               "t40"."account_key",
               "t40"."goal_id",
               "t40"."contact_id",
               "t40"."advances",
               "t40"."sponsor_contact_id",
               "t40"."stated_at",
               "t40"."as_of",
               "t40"."left_at"
              FROM (
               SELECT
                "t38"."account_key",
                "t38"."goal_id",
                "t38"."contact_id",
                "t38"."advances",
                "t38"."sponsor_contact_id",
                "t38"."stated_at",
                "t38"."as_of",
                "t32"."gone_id",
                "t32"."left_at"
               FROM (
                SELECT
                 *
                FROM (
                 SELECT
                  "t12"."account_key",
                  "t12"."goal_id",
                  "t12"."contact_id",
                  "t12"."advances",
                  "t12"."sponsor_contact_id",
                  "t12"."stated_at",
                  "t27"."as_of"
                 FROM "typed_goal" AS "t12"
                 CROSS JOIN "t14" AS "t27"
                ) AS "t34"
                WHERE
                 "t34"."stated_at" <= "t34"."as_of"
               ) AS "t38"
               LEFT OUTER JOIN (
                SELECT
                 "t9"."contact_id" AS "gone_id",
                 "t9"."left_at"
                FROM "contact" AS "t9"
                WHERE
                 "t9"."left_at" IS NOT NULL
               ) AS "t32"
                ON "t38"."contact_id" = "t32"."gone_id"
              ) AS "t40"
             ) AS "t42"
             WHERE
              (
               "t42"."left_at" IS NULL
              ) OR (
               "t42"."left_at" > "t42"."as_of"
              )
            ) AS "t43"
           ) AS "t46"
           LEFT OUTER JOIN (
            SELECT
             "t9"."contact_id" AS "gone_id",
             "t9"."left_at"
            FROM "contact" AS "t9"
            WHERE
             "t9"."left_at" IS NOT NULL
           ) AS "t32"
            ON "t46"."sponsor_contact_id" = "t32"."gone_id"
          ) AS "t48"
         ) AS "t50"
        ) AS "t52"
       ) AS "t55"
        ON "t59"."account_key" = "t55"."account_key"
      ) AS "t60"
      WHERE
       (
        POSITION(
         '
' || "t60"."to_product_id" || '
' IN "t60"."advances"
        ) > 0
       )
       OR COALESCE(
        POSITION('
' || "t60"."to_plan_id" || '
' IN "t60"."advances") > 0,
        FALSE
       )
     ) AS "t61"
     GROUP BY
      1,
      2,
      3
    ) AS "t63"
     ON "t11"."account_key" = "t63"."account_key"
     AND "t11"."to_product_id" = "t63"."to_product_id"
     AND "t11"."target" = "t63"."target"
    LEFT OUTER JOIN (
     SELECT
      "t17"."account_key",
      "t17"."to_product_id",
      "t17"."target",
      TRUE AS "is_planned"
     FROM (
      SELECT DISTINCT
       *
      FROM "planned_step" AS "t6"
     ) AS "t17"
    ) AS "t33"
     ON "t11"."account_key" = "t33"."account_key"
     AND "t11"."to_product_id" = "t33"."to_product_id"
     AND "t11"."target" = "t33"."target"
   ) AS "t64"
  ) AS "t66"
  LEFT OUTER JOIN (
   SELECT
    "t0"."is_full",
    "t0"."owner_id" AS "led_by"
   FROM "owner_capacity" AS "t0"
   WHERE
    "t0"."is_full"
  ) AS "t18"
   ON "t66"."led_by" = "t18"."led_by"
  CROSS JOIN "t14" AS "t26"
 ) AS "t67"
) AS stage;

-- settled 8b499d31950a3e8c
SELECT
 CAST("play" AS INT) AS "play",
 "grain",
 CAST("source_row" AS BIGINT) AS "source_row",
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "gate_product_id",
 "meter_id",
 "feature_id",
 "subject_add_on_id",
 "subject_plan_id",
 "target",
 "motion",
 "to_product_id",
 "to_plan_id",
 "to_add_on_id",
 "interval",
 "currency",
 CAST("one_off_units" AS BIGINT) AS "one_off_units",
 "meter_adoption",
 CAST("rungs" AS INT) AS "rungs",
 "is_estimated",
 "is_quote",
 "stays",
 "adds_nothing",
 "is_hygiene",
 "prior",
 "lever",
 "segment",
 "likelihood",
 "is_prior",
 CAST("quantity" AS BIGINT) AS "quantity",
 CAST("recurring_units" AS BIGINT) AS "recurring_units",
 CAST("overage_units" AS BIGINT) AS "overage_units",
 CAST("saving_units" AS BIGINT) AS "saving_units",
 CAST("committed_units" AS BIGINT) AS "committed_units",
 CAST("rank_units" AS BIGINT) AS "rank_units",
 "any_hygiene",
 CAST("evidence_0" AS BIGINT) AS "evidence_0",
 CAST("moment_bits" AS BIGINT) AS "moment_bits",
 "account_id",
 "name",
 "owner_id",
 "has_owner",
 "account_currency",
 CAST("signal_density" AS BIGINT) AS "signal_density",
 CAST("mrr_units" AS BIGINT) AS "mrr_units",
 CAST("weighing_problems" AS BIGINT) AS "weighing_problems",
 "weighing_ticket_id",
 CAST("troubled_invoices" AS BIGINT) AS "troubled_invoices",
 "troubled_invoice_id",
 CAST("open_invoices" AS BIGINT) AS "open_invoices",
 CAST("cancel_at" AS BIGINT) AS "cancel_at",
 "renewal_risk_id",
 CAST("open_deals" AS BIGINT) AS "open_deals",
 "open_deal_id",
 "do_not_sell_why",
 CAST("do_not_sell_until" AS BIGINT) AS "do_not_sell_until",
 "has_usage_signal",
 "has_outcome_signal",
 "has_strategic_signal",
 "has_intent_signal",
 "in_renewal_window",
 CAST("outcomes_met" AS BIGINT) AS "outcomes_met",
 CAST("feature_requests_90d" AS BIGINT) AS "feature_requests_90d",
 CAST("milestones_28d" AS BIGINT) AS "milestones_28d",
 "payment_how",
 "leaving_how",
 "renewal_how",
 CAST("open_issue" AS INT) AS "open_issue",
 CAST("payment_trouble" AS INT) AS "payment_trouble",
 CAST("leaving" AS INT) AS "leaving",
 CAST("renewal_threat" AS INT) AS "renewal_threat",
 CAST("open_deal" AS INT) AS "open_deal",
 CAST("do_not_sell" AS INT) AS "do_not_sell",
 "factor",
 "path",
 "lane",
 "value_year",
 "adoption",
 "first_value_how",
 CAST("bought_on" AS BIGINT) AS "bought_on",
 CAST("bought_days" AS BIGINT) AS "bought_days",
 CAST("just_purchased_until" AS BIGINT) AS "just_purchased_until",
 CAST("before_first_value" AS INT) AS "before_first_value",
 CAST("just_purchased" AS INT) AS "just_purchased",
 CAST("low_adoption" AS INT) AS "low_adoption",
 CAST("asked_at" AS BIGINT) AS "asked_at",
 CAST("step_declined_at" AS BIGINT) AS "step_declined_at",
 CAST("step_not_now_at" AS BIGINT) AS "step_not_now_at",
 "contact_hold_kind",
 CAST("contact_held_on" AS BIGINT) AS "contact_held_on",
 "has_priority",
 "has_sponsor",
 "goal_id",
 "is_planned",
 "led_by",
 "is_full",
 CAST("as_of" AS BIGINT) AS "as_of",
 CAST("asked_on" AS BIGINT) AS "asked_on",
 CAST("asked_until" AS BIGINT) AS "asked_until",
 CAST("gate_open_issue" AS INT) AS "gate_open_issue",
 CAST("gate_payment_trouble" AS INT) AS "gate_payment_trouble",
 CAST("gate_before_first_value" AS INT) AS "gate_before_first_value",
 CAST("gate_just_purchased" AS INT) AS "gate_just_purchased",
 CAST("gate_low_adoption" AS INT) AS "gate_low_adoption",
 CAST("gate_leaving" AS INT) AS "gate_leaving",
 CAST("gate_renewal_threat" AS INT) AS "gate_renewal_threat",
 CAST("gate_open_deal" AS INT) AS "gate_open_deal",
 CAST("gate_do_not_sell" AS INT) AS "gate_do_not_sell",
 CAST("gate_no_priority" AS INT) AS "gate_no_priority",
 CAST("gate_no_sponsor" AS INT) AS "gate_no_sponsor",
 CAST("gate_contact_hold" AS INT) AS "gate_contact_hold",
 CAST("gate_asked_recently" AS INT) AS "gate_asked_recently",
 CAST("gate_at_capacity" AS INT) AS "gate_at_capacity",
 "outcome",
 "priority"
FROM (
 SELECT
  "t7"."play",
  "t7"."grain",
  "t7"."source_row",
  "t7"."account_key",
  "t7"."product_id",
  "t7"."gate_product_id",
  "t7"."meter_id",
  "t7"."feature_id",
  "t7"."subject_add_on_id",
  "t7"."subject_plan_id",
  "t7"."target",
  "t7"."motion",
  "t7"."to_product_id",
  "t7"."to_plan_id",
  "t7"."to_add_on_id",
  "t7"."interval",
  "t7"."currency",
  "t7"."one_off_units",
  "t7"."meter_adoption",
  "t7"."rungs",
  "t7"."is_estimated",
  "t7"."is_quote",
  "t7"."stays",
  "t7"."adds_nothing",
  "t7"."is_hygiene",
  "t7"."prior",
  "t7"."lever",
  "t7"."segment",
  "t7"."likelihood",
  "t7"."is_prior",
  "t7"."quantity",
  "t7"."recurring_units",
  "t7"."overage_units",
  "t7"."saving_units",
  "t7"."committed_units",
  "t7"."rank_units",
  "t7"."any_hygiene",
  "t7"."evidence_0",
  "t7"."moment_bits",
  "t7"."account_id",
  "t7"."name",
  "t7"."owner_id",
  "t7"."has_owner",
  "t7"."account_currency",
  "t7"."signal_density",
  "t7"."mrr_units",
  "t7"."weighing_problems",
  "t7"."weighing_ticket_id",
  "t7"."troubled_invoices",
  "t7"."troubled_invoice_id",
  "t7"."open_invoices",
  "t7"."cancel_at",
  "t7"."renewal_risk_id",
  "t7"."open_deals",
  "t7"."open_deal_id",
  "t7"."do_not_sell_why",
  "t7"."do_not_sell_until",
  "t7"."has_usage_signal",
  "t7"."has_outcome_signal",
  "t7"."has_strategic_signal",
  "t7"."has_intent_signal",
  "t7"."in_renewal_window",
  "t7"."outcomes_met",
  "t7"."feature_requests_90d",
  "t7"."milestones_28d",
  "t7"."payment_how",
  "t7"."leaving_how",
  "t7"."renewal_how",
  "t7"."open_issue",
  "t7"."payment_trouble",
  "t7"."leaving",
  "t7"."renewal_threat",
  "t7"."open_deal",
  "t7"."do_not_sell",
  "t7"."factor",
  "t7"."path",
  "t7"."lane",
  "t7"."value_year",
  "t7"."adoption",
  "t7"."first_value_how",
  "t7"."bought_on",
  "t7"."bought_days",
  "t7"."just_purchased_until",
  "t7"."before_first_value",
  "t7"."just_purchased",
  "t7"."low_adoption",
  "t7"."asked_at",
  "t7"."step_declined_at",
  "t7"."step_not_now_at",
  "t7"."contact_hold_kind",
  "t7"."contact_held_on",
  "t7"."has_priority",
  "t7"."has_sponsor",
  "t7"."goal_id",
  "t7"."is_planned",
  "t7"."led_by",
  "t7"."is_full",
  "t7"."as_of",
  "t7"."asked_on",
  "t7"."asked_until",
  "t7"."gate_open_issue",
  "t7"."gate_payment_trouble",
  "t7"."gate_before_first_value",
  "t7"."gate_just_purchased",
  "t7"."gate_low_adoption",
  "t7"."gate_leaving",
  "t7"."gate_renewal_threat",
  "t7"."gate_open_deal",
  "t7"."gate_do_not_sell",
  "t7"."gate_no_priority",
  "t7"."gate_no_sponsor",
  "t7"."gate_contact_hold",
  "t7"."gate_asked_recently",
  "t7"."gate_at_capacity",
  CASE
   WHEN "t7"."stays" OR "t7"."adds_nothing"
   THEN 'unfit'
   WHEN (
    "t7"."gate_open_issue" = 1
   )
   OR (
    "t7"."gate_payment_trouble" = 1
   )
   OR (
    "t7"."gate_before_first_value" = 1
   )
   OR (
    "t7"."gate_just_purchased" = 1
   )
   OR (
    "t7"."gate_low_adoption" = 1
   )
   OR (
    "t7"."gate_leaving" = 1
   )
   OR (
    "t7"."gate_renewal_threat" = 1
   )
   OR (
    "t7"."gate_open_deal" = 1
   )
   OR (
    "t7"."gate_do_not_sell" = 1
   )
   OR (
    "t7"."gate_no_priority" = 1
   )
   OR (
    "t7"."gate_no_sponsor" = 1
   )
   OR (
    "t7"."gate_contact_hold" = 1
   )
   OR (
    "t7"."gate_asked_recently" = 1
   )
   OR (
    "t7"."gate_at_capacity" = 1
   )
   THEN 'held'
   WHEN (
    "t7"."gate_open_issue" = 2
   )
   OR (
    "t7"."gate_payment_trouble" = 2
   )
   OR (
    "t7"."gate_before_first_value" = 2
   )
   OR (
    "t7"."gate_just_purchased" = 2
   )
   OR (
    "t7"."gate_low_adoption" = 2
   )
   OR (
    "t7"."gate_leaving" = 2
   )
   OR (
    "t7"."gate_renewal_threat" = 2
   )
   OR (
    "t7"."gate_open_deal" = 2
   )
   OR (
    "t7"."gate_do_not_sell" = 2
   )
   OR (
    "t7"."gate_no_priority" = 2
   )
   OR (
    "t7"."gate_no_sponsor" = 2
   )
   OR (
    "t7"."gate_contact_hold" = 2
   )
   OR (
    "t7"."gate_asked_recently" = 2
   )
   OR (
    "t7"."gate_at_capacity" = 2
   )
   THEN 'unconfirmed'
   ELSE 'eligible'
  END AS "outcome",
  CASE
   WHEN "t7"."lane" = 'care'
   THEN "t7"."value_year"
   ELSE "t7"."likelihood" * "t7"."value_year" * (
    (
     CAST("t7"."signal_density" AS DOUBLE PRECISION) * 0.25
    ) + 1.0
   ) * "t7"."lever"
  END AS "priority"
 FROM (
  SELECT
   "t6"."play",
   "t6"."grain",
   "t6"."source_row",
   "t6"."account_key",
   "t6"."product_id",
   "t6"."gate_product_id",
   "t6"."meter_id",
   "t6"."feature_id",
   "t6"."subject_add_on_id",
   "t6"."subject_plan_id",
   "t6"."target",
   "t6"."motion",
   "t6"."to_product_id",
   "t6"."to_plan_id",
   "t6"."to_add_on_id",
   "t6"."interval",
   "t6"."currency",
   "t6"."one_off_units",
   "t6"."meter_adoption",
   "t6"."rungs",
   "t6"."is_estimated",
   "t6"."is_quote",
   "t6"."stays",
   "t6"."adds_nothing",
   "t6"."is_hygiene",
   "t6"."prior",
   "t6"."lever",
   "t6"."segment",
   "t6"."likelihood",
   "t6"."is_prior",
   "t6"."quantity",
   "t6"."recurring_units",
   "t6"."overage_units",
   "t6"."saving_units",
   "t6"."committed_units",
   "t6"."rank_units",
   "t6"."any_hygiene",
   "t6"."evidence_0",
   "t6"."moment_bits",
   "t6"."account_id",
   "t6"."name",
   "t6"."owner_id",
   "t6"."has_owner",
   "t6"."account_currency",
   "t6"."signal_density",
   "t6"."mrr_units",
   "t6"."weighing_problems",
   "t6"."weighing_ticket_id",
   "t6"."troubled_invoices",
   "t6"."troubled_invoice_id",
   "t6"."open_invoices",
   "t6"."cancel_at",
   "t6"."renewal_risk_id",
   "t6"."open_deals",
   "t6"."open_deal_id",
   "t6"."do_not_sell_why",
   "t6"."do_not_sell_until",
   "t6"."has_usage_signal",
   "t6"."has_outcome_signal",
   "t6"."has_strategic_signal",
   "t6"."has_intent_signal",
   "t6"."in_renewal_window",
   "t6"."outcomes_met",
   "t6"."feature_requests_90d",
   "t6"."milestones_28d",
   "t6"."payment_how",
   "t6"."leaving_how",
   "t6"."renewal_how",
   "t6"."open_issue",
   "t6"."payment_trouble",
   "t6"."leaving",
   "t6"."renewal_threat",
   "t6"."open_deal",
   "t6"."do_not_sell",
   "t6"."factor",
   "t6"."path",
   "t6"."lane",
   "t6"."value_year",
   "t6"."adoption",
   "t6"."first_value_how",
   "t6"."bought_on",
   "t6"."bought_days",
   "t6"."just_purchased_until",
   "t6"."before_first_value",
   "t6"."just_purchased",
   "t6"."low_adoption",
   "t6"."asked_at",
   "t6"."step_declined_at",
   "t6"."step_not_now_at",
   "t6"."contact_hold_kind",
   "t6"."contact_held_on",
   "t6"."has_priority",
   "t6"."has_sponsor",
   "t6"."goal_id",
   "t6"."is_planned",
   "t6"."led_by",
   "t6"."is_full",
   "t6"."as_of",
   "t6"."asked_on",
   "t6"."asked_until",
   "t6"."gate_open_issue",
   "t6"."gate_payment_trouble",
   "t6"."gate_before_first_value",
   "t6"."gate_just_purchased",
   "t6"."gate_low_adoption",
   "t6"."gate_leaving",
   "t6"."gate_renewal_threat",
   "t6"."gate_open_deal",
   "t6"."gate_do_not_sell",
   "t6"."gate_no_priority",
   "t6"."gate_no_sponsor",
   "t6"."gate_contact_hold",
   "t6"."gate_asked_recently",
   "t6"."gate_at_capacity"
  FROM (
   SELECT
    "t5"."play",
    "t5"."grain",
    "t5"."source_row",
    "t5"."account_key",
    "t5"."product_id",
    "t5"."gate_product_id",
    "t5"."meter_id",
    "t5"."feature_id",
    "t5"."subject_add_on_id",
    "t5"."subject_plan_id",
    "t5"."target",
    "t5"."motion",
    "t5"."to_product_id",
    "t5"."to_plan_id",
    "t5"."to_add_on_id",
    "t5"."interval",
    "t5"."currency",
    "t5"."one_off_units",
    "t5"."meter_adoption",
    "t5"."rungs",
    "t5"."is_estimated",
    "t5"."is_quote",
    "t5"."stays",
    "t5"."adds_nothing",
    "t5"."is_hygiene",
    "t5"."prior",
    "t5"."lever",
    "t5"."segment",
    "t5"."likelihood",
    "t5"."is_prior",
    "t5"."quantity",
    "t5"."recurring_units",
    "t5"."overage_units",
    "t5"."saving_units",
    "t5"."committed_units",
    "t5"."rank_units",
    "t5"."any_hygiene",
    "t5"."evidence_0",
    "t5"."moment_bits",
    "t5"."account_id",
    "t5"."name",
    "t5"."owner_id",
    "t5"."has_owner",
    "t5"."account_currency",
    "t5"."signal_density",
    "t5"."mrr_units",
    "t5"."weighing_problems",
    "t5"."weighing_ticket_id",
    "t5"."troubled_invoices",
    "t5"."troubled_invoice_id",
    "t5"."open_invoices",
    "t5"."cancel_at",
    "t5"."renewal_risk_id",
    "t5"."open_deals",
    "t5"."open_deal_id",
    "t5"."do_not_sell_why",
    "t5"."do_not_sell_until",
    "t5"."has_usage_signal",
    "t5"."has_outcome_signal",
    "t5"."has_strategic_signal",
    "t5"."has_intent_signal",
    "t5"."in_renewal_window",
    "t5"."outcomes_met",
    "t5"."feature_requests_90d",
    "t5"."milestones_28d",
    "t5"."payment_how",
    "t5"."leaving_how",
    "t5"."renewal_how",
    "t5"."open_issue",
    "t5"."payment_trouble",
    "t5"."leaving",
    "t5"."renewal_threat",
    "t5"."open_deal",
    "t5"."do_not_sell",
    "t5"."factor",
    "t5"."path",
    "t5"."lane",
    "t5"."value_year",
    "t5"."adoption",
    "t5"."first_value_how",
    "t5"."bought_on",
    "t5"."bought_days",
    "t5"."just_purchased_until",
    "t5"."before_first_value",
    "t5"."just_purchased",
    "t5"."low_adoption",
    "t5"."asked_at",
    "t5"."step_declined_at",
    "t5"."step_not_now_at",
    "t5"."contact_hold_kind",
    "t5"."contact_held_on",
    "t5"."has_priority",
    "t5"."has_sponsor",
    "t5"."goal_id",
    "t5"."is_planned",
    "t5"."led_by",
    "t5"."is_full",
    "t5"."as_of",
    "t5"."asked_on",
    "t5"."asked_until",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_open_issue" <> 3
      ) AND (
       COALESCE("t5"."said_open_issue", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_open_issue" = 2
      ) AND (
       COALESCE("t5"."said_open_issue", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_open_issue"
     END,
     2
    ) AS "gate_open_issue",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_payment_trouble" <> 3
      )
      AND (
       COALESCE("t5"."said_payment_trouble", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_payment_trouble" = 2
      )
      AND (
       COALESCE("t5"."said_payment_trouble", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_payment_trouble"
     END,
     2
    ) AS "gate_payment_trouble",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_before_first_value" <> 3
      )
      AND (
       COALESCE("t5"."said_before_first_value", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_before_first_value" = 2
      )
      AND (
       COALESCE("t5"."said_before_first_value", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_before_first_value"
     END,
     2
    ) AS "gate_before_first_value",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_just_purchased" <> 3
      )
      AND (
       COALESCE("t5"."said_just_purchased", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_just_purchased" = 2
      )
      AND (
       COALESCE("t5"."said_just_purchased", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_just_purchased"
     END,
     2
    ) AS "gate_just_purchased",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_low_adoption" <> 3
      )
      AND (
       COALESCE("t5"."said_low_adoption", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_low_adoption" = 2
      )
      AND (
       COALESCE("t5"."said_low_adoption", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_low_adoption"
     END,
     2
    ) AS "gate_low_adoption",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_leaving" <> 3
      ) AND (
       COALESCE("t5"."said_leaving", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_leaving" = 2
      ) AND (
       COALESCE("t5"."said_leaving", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_leaving"
     END,
     2
    ) AS "gate_leaving",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_renewal_threat" <> 3
      )
      AND (
       COALESCE("t5"."said_renewal_threat", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_renewal_threat" = 2
      )
      AND (
       COALESCE("t5"."said_renewal_threat", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_renewal_threat"
     END,
     2
    ) AS "gate_renewal_threat",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_open_deal" <> 3
      ) AND (
       COALESCE("t5"."said_open_deal", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_open_deal" = 2
      ) AND (
       COALESCE("t5"."said_open_deal", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_open_deal"
     END,
     2
    ) AS "gate_open_deal",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_do_not_sell" <> 3
      )
      AND (
       COALESCE("t5"."said_do_not_sell", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_do_not_sell" = 2
      )
      AND (
       COALESCE("t5"."said_do_not_sell", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_do_not_sell"
     END,
     2
    ) AS "gate_do_not_sell",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_no_priority" <> 3
      )
      AND (
       COALESCE("t5"."said_no_priority", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_no_priority" = 2
      )
      AND (
       COALESCE("t5"."said_no_priority", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_no_priority"
     END,
     2
    ) AS "gate_no_priority",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_no_sponsor" <> 3
      ) AND (
       COALESCE("t5"."said_no_sponsor", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_no_sponsor" = 2
      ) AND (
       COALESCE("t5"."said_no_sponsor", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_no_sponsor"
     END,
     2
    ) AS "gate_no_sponsor",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_contact_hold" <> 3
      )
      AND (
       COALESCE("t5"."said_contact_hold", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_contact_hold" = 2
      )
      AND (
       COALESCE("t5"."said_contact_hold", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_contact_hold"
     END,
     2
    ) AS "gate_contact_hold",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_asked_recently" <> 3
      )
      AND (
       COALESCE("t5"."said_asked_recently", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_asked_recently" = 2
      )
      AND (
       COALESCE("t5"."said_asked_recently", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_asked_recently"
     END,
     2
    ) AS "gate_asked_recently",
    COALESCE(
     CASE
      WHEN (
       "t5"."gate_at_capacity" <> 3
      )
      AND (
       COALESCE("t5"."said_at_capacity", 0) = 2
      )
      THEN 1
      WHEN (
       "t5"."gate_at_capacity" = 2
      )
      AND (
       COALESCE("t5"."said_at_capacity", 0) = 1
      )
      THEN 0
      ELSE "t5"."gate_at_capacity"
     END,
     2
    ) AS "gate_at_capacity",
    "t5"."said_open_issue",
    "t5"."said_payment_trouble",
    "t5"."said_before_first_value",
    "t5"."said_just_purchased",
    "t5"."said_low_adoption",
    "t5"."said_leaving",
    "t5"."said_renewal_threat",
    "t5"."said_open_deal",
    "t5"."said_do_not_sell",
    "t5"."said_no_priority",
    "t5"."said_no_sponsor",
    "t5"."said_contact_hold",
    "t5"."said_asked_recently",
    "t5"."said_at_capacity"
   FROM (
    SELECT
     "t2"."play",
     "t2"."grain",
     "t2"."source_row",
     "t2"."account_key",
     "t2"."product_id",
     "t2"."gate_product_id",
     "t2"."meter_id",
     "t2"."feature_id",
     "t2"."subject_add_on_id",
     "t2"."subject_plan_id",
     "t2"."target",
     "t2"."motion",
     "t2"."to_product_id",
     "t2"."to_plan_id",
     "t2"."to_add_on_id",
     "t2"."interval",
     "t2"."currency",
     "t2"."one_off_units",
     "t2"."meter_adoption",
     "t2"."rungs",
     "t2"."is_estimated",
     "t2"."is_quote",
     "t2"."stays",
     "t2"."adds_nothing",
     "t2"."is_hygiene",
     "t2"."prior",
     "t2"."lever",
     "t2"."segment",
     "t2"."likelihood",
     "t2"."is_prior",
     "t2"."quantity",
     "t2"."recurring_units",
     "t2"."overage_units",
     "t2"."saving_units",
     "t2"."committed_units",
     "t2"."rank_units",
     "t2"."any_hygiene",
     "t2"."evidence_0",
     "t2"."moment_bits",
     "t2"."account_id",
     "t2"."name",
     "t2"."owner_id",
     "t2"."has_owner",
     "t2"."account_currency",
     "t2"."signal_density",
     "t2"."mrr_units",
     "t2"."weighing_problems",
     "t2"."weighing_ticket_id",
     "t2"."troubled_invoices",
     "t2"."troubled_invoice_id",
     "t2"."open_invoices",
     "t2"."cancel_at",
     "t2"."renewal_risk_id",
     "t2"."open_deals",
     "t2"."open_deal_id",
     "t2"."do_not_sell_why",
     "t2"."do_not_sell_until",
     "t2"."has_usage_signal",
     "t2"."has_outcome_signal",
     "t2"."has_strategic_signal",
     "t2"."has_intent_signal",
     "t2"."in_renewal_window",
     "t2"."outcomes_met",
     "t2"."feature_requests_90d",
     "t2"."milestones_28d",
     "t2"."payment_how",
     "t2"."leaving_how",
     "t2"."renewal_how",
     "t2"."open_issue",
     "t2"."payment_trouble",
     "t2"."leaving",
     "t2"."renewal_threat",
     "t2"."open_deal",
     "t2"."do_not_sell",
     "t2"."factor",
     "t2"."path",
     "t2"."lane",
     "t2"."value_year",
     "t2"."adoption",
     "t2"."first_value_how",
     "t2"."bought_on",
     "t2"."bought_days",
     "t2"."just_purchased_until",
     "t2"."before_first_value",
     "t2"."just_purchased",
     "t2"."low_adoption",
     "t2"."asked_at",
     "t2"."step_declined_at",
     "t2"."step_not_now_at",
     "t2"."contact_hold_kind",
     "t2"."contact_held_on",
     "t2"."has_priority",
     "t2"."has_sponsor",
     "t2"."goal_id",
     "t2"."is_planned",
     "t2"."led_by",
     "t2"."is_full",
     "t2"."as_of",
     "t2"."asked_on",
     "t2"."asked_until",
     "t2"."gate_open_issue",
     "t2"."gate_payment_trouble",
     "t2"."gate_before_first_value",
     "t2"."gate_just_purchased",
     "t2"."gate_low_adoption",
     "t2"."gate_leaving",
     "t2"."gate_renewal_threat",
     "t2"."gate_open_deal",
     "t2"."gate_do_not_sell",
     "t2"."gate_no_priority",
     "t2"."gate_no_sponsor",
     "t2"."gate_contact_hold",
     "t2"."gate_asked_recently",
     "t2"."gate_at_capacity",
     "t4"."said_open_issue",
     "t4"."said_payment_trouble",
     "t4"."said_before_first_value",
     "t4"."said_just_purchased",
     "t4"."said_low_adoption",
     "t4"."said_leaving",
     "t4"."said_renewal_threat",
     "t4"."said_open_deal",
     "t4"."said_do_not_sell",
     "t4"."said_no_priority",
     "t4"."said_no_sponsor",
     "t4"."said_contact_hold",
     "t4"."said_asked_recently",
     "t4"."said_at_capacity"
    FROM "gated" AS "t2"
    LEFT OUTER JOIN (
     SELECT
      "t1"."account_key",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'open_issue'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'open_issue'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_open_issue",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'payment_trouble'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'payment_trouble'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_payment_trouble",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'before_first_value'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'before_first_value'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_before_first_value",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'just_purchased'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'just_purchased'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_just_purchased",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'low_adoption'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'low_adoption'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_low_adoption",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'leaving'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'leaving'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_leaving",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'renewal_threat'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'renewal_threat'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_renewal_threat",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'open_deal'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'open_deal'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_open_deal",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'do_not_sell'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'do_not_sell'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_do_not_sell",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'no_priority'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'no_priority'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_no_priority",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'no_sponsor'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'no_sponsor'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_no_sponsor",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'contact_hold'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'contact_hold'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_contact_hold",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'asked_recently'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'asked_recently'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_asked_recently",
      MAX(
       CASE
        WHEN (
         "t1"."gate" = 'at_capacity'
        ) AND (
         "t1"."answer" = 'holds'
        )
        THEN 2
        WHEN (
         "t1"."gate" = 'at_capacity'
        ) AND (
         "t1"."answer" = 'clear'
        )
        THEN 1
        ELSE 0
       END
      ) AS "said_at_capacity"
     FROM "confirmed" AS "t1"
     GROUP BY
      1
    ) AS "t4"
     ON "t2"."account_key" = "t4"."account_key"
   ) AS "t5"
  ) AS "t6"
 ) AS "t7"
) AS stage;

-- arbitrated fa3c7ebf462f585c
SELECT
 CAST("play" AS INT) AS "play",
 "grain",
 CAST("source_row" AS BIGINT) AS "source_row",
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "gate_product_id",
 "meter_id",
 "feature_id",
 "subject_add_on_id",
 "subject_plan_id",
 "target",
 "motion",
 "to_product_id",
 "to_plan_id",
 "to_add_on_id",
 "interval",
 "currency",
 CAST("one_off_units" AS BIGINT) AS "one_off_units",
 "meter_adoption",
 CAST("rungs" AS INT) AS "rungs",
 "is_estimated",
 "is_quote",
 "stays",
 "adds_nothing",
 "is_hygiene",
 "prior",
 "lever",
 "segment",
 "likelihood",
 "is_prior",
 CAST("quantity" AS BIGINT) AS "quantity",
 CAST("recurring_units" AS BIGINT) AS "recurring_units",
 CAST("overage_units" AS BIGINT) AS "overage_units",
 CAST("saving_units" AS BIGINT) AS "saving_units",
 CAST("committed_units" AS BIGINT) AS "committed_units",
 CAST("rank_units" AS BIGINT) AS "rank_units",
 "any_hygiene",
 CAST("evidence_0" AS BIGINT) AS "evidence_0",
 CAST("moment_bits" AS BIGINT) AS "moment_bits",
 "account_id",
 "name",
 "owner_id",
 "has_owner",
 "account_currency",
 CAST("signal_density" AS BIGINT) AS "signal_density",
 CAST("mrr_units" AS BIGINT) AS "mrr_units",
 CAST("weighing_problems" AS BIGINT) AS "weighing_problems",
 "weighing_ticket_id",
 CAST("troubled_invoices" AS BIGINT) AS "troubled_invoices",
 "troubled_invoice_id",
 CAST("open_invoices" AS BIGINT) AS "open_invoices",
 CAST("cancel_at" AS BIGINT) AS "cancel_at",
 "renewal_risk_id",
 CAST("open_deals" AS BIGINT) AS "open_deals",
 "open_deal_id",
 "do_not_sell_why",
 CAST("do_not_sell_until" AS BIGINT) AS "do_not_sell_until",
 "has_usage_signal",
 "has_outcome_signal",
 "has_strategic_signal",
 "has_intent_signal",
 "in_renewal_window",
 CAST("outcomes_met" AS BIGINT) AS "outcomes_met",
 CAST("feature_requests_90d" AS BIGINT) AS "feature_requests_90d",
 CAST("milestones_28d" AS BIGINT) AS "milestones_28d",
 "payment_how",
 "leaving_how",
 "renewal_how",
 CAST("open_issue" AS INT) AS "open_issue",
 CAST("payment_trouble" AS INT) AS "payment_trouble",
 CAST("leaving" AS INT) AS "leaving",
 CAST("renewal_threat" AS INT) AS "renewal_threat",
 CAST("open_deal" AS INT) AS "open_deal",
 CAST("do_not_sell" AS INT) AS "do_not_sell",
 "factor",
 "path",
 "lane",
 "value_year",
 "adoption",
 "first_value_how",
 CAST("bought_on" AS BIGINT) AS "bought_on",
 CAST("bought_days" AS BIGINT) AS "bought_days",
 CAST("just_purchased_until" AS BIGINT) AS "just_purchased_until",
 CAST("before_first_value" AS INT) AS "before_first_value",
 CAST("just_purchased" AS INT) AS "just_purchased",
 CAST("low_adoption" AS INT) AS "low_adoption",
 CAST("asked_at" AS BIGINT) AS "asked_at",
 CAST("step_declined_at" AS BIGINT) AS "step_declined_at",
 CAST("step_not_now_at" AS BIGINT) AS "step_not_now_at",
 "contact_hold_kind",
 CAST("contact_held_on" AS BIGINT) AS "contact_held_on",
 "has_priority",
 "has_sponsor",
 "goal_id",
 "is_planned",
 "led_by",
 "is_full",
 CAST("as_of" AS BIGINT) AS "as_of",
 CAST("asked_on" AS BIGINT) AS "asked_on",
 CAST("asked_until" AS BIGINT) AS "asked_until",
 CAST("gate_open_issue" AS INT) AS "gate_open_issue",
 CAST("gate_payment_trouble" AS INT) AS "gate_payment_trouble",
 CAST("gate_before_first_value" AS INT) AS "gate_before_first_value",
 CAST("gate_just_purchased" AS INT) AS "gate_just_purchased",
 CAST("gate_low_adoption" AS INT) AS "gate_low_adoption",
 CAST("gate_leaving" AS INT) AS "gate_leaving",
 CAST("gate_renewal_threat" AS INT) AS "gate_renewal_threat",
 CAST("gate_open_deal" AS INT) AS "gate_open_deal",
 CAST("gate_do_not_sell" AS INT) AS "gate_do_not_sell",
 CAST("gate_no_priority" AS INT) AS "gate_no_priority",
 CAST("gate_no_sponsor" AS INT) AS "gate_no_sponsor",
 CAST("gate_contact_hold" AS INT) AS "gate_contact_hold",
 CAST("gate_asked_recently" AS INT) AS "gate_asked_recently",
 CAST("gate_at_capacity" AS INT) AS "gate_at_capacity",
 "outcome",
 "priority",
 "is_winner",
 "experiment",
 "outranked_product_id",
 "outranked_target"
FROM (
 SELECT
  "t7"."play",
  "t7"."grain",
  "t7"."source_row",
  "t7"."account_key",
  "t7"."product_id",
  "t7"."gate_product_id",
  "t7"."meter_id",
  "t7"."feature_id",
  "t7"."subject_add_on_id",
  "t7"."subject_plan_id",
  "t7"."target",
  "t7"."motion",
  "t7"."to_product_id",
  "t7"."to_plan_id",
  "t7"."to_add_on_id",
  "t7"."interval",
  "t7"."currency",
  "t7"."one_off_units",
  "t7"."meter_adoption",
  "t7"."rungs",
  "t7"."is_estimated",
  "t7"."is_quote",
  "t7"."stays",
  "t7"."adds_nothing",
  "t7"."is_hygiene",
  "t7"."prior",
  "t7"."lever",
  "t7"."segment",
  "t7"."likelihood",
  "t7"."is_prior",
  "t7"."quantity",
  "t7"."recurring_units",
  "t7"."overage_units",
  "t7"."saving_units",
  "t7"."committed_units",
  "t7"."rank_units",
  "t7"."any_hygiene",
  "t7"."evidence_0",
  "t7"."moment_bits",
  "t7"."account_id",
  "t7"."name",
  "t7"."owner_id",
  "t7"."has_owner",
  "t7"."account_currency",
  "t7"."signal_density",
  "t7"."mrr_units",
  "t7"."weighing_problems",
  "t7"."weighing_ticket_id",
  "t7"."troubled_invoices",
  "t7"."troubled_invoice_id",
  "t7"."open_invoices",
  "t7"."cancel_at",
  "t7"."renewal_risk_id",
  "t7"."open_deals",
  "t7"."open_deal_id",
  "t7"."do_not_sell_why",
  "t7"."do_not_sell_until",
  "t7"."has_usage_signal",
  "t7"."has_outcome_signal",
  "t7"."has_strategic_signal",
  "t7"."has_intent_signal",
  "t7"."in_renewal_window",
  "t7"."outcomes_met",
  "t7"."feature_requests_90d",
  "t7"."milestones_28d",
  "t7"."payment_how",
  "t7"."leaving_how",
  "t7"."renewal_how",
  "t7"."open_issue",
  "t7"."payment_trouble",
  "t7"."leaving",
  "t7"."renewal_threat",
  "t7"."open_deal",
  "t7"."do_not_sell",
  "t7"."factor",
  "t7"."path",
  "t7"."lane",
  "t7"."value_year",
  "t7"."adoption",
  "t7"."first_value_how",
  "t7"."bought_on",
  "t7"."bought_days",
  "t7"."just_purchased_until",
  "t7"."before_first_value",
  "t7"."just_purchased",
  "t7"."low_adoption",
  "t7"."asked_at",
  "t7"."step_declined_at",
  "t7"."step_not_now_at",
  "t7"."contact_hold_kind",
  "t7"."contact_held_on",
  "t7"."has_priority",
  "t7"."has_sponsor",
  "t7"."goal_id",
  "t7"."is_planned",
  "t7"."led_by",
  "t7"."is_full",
  "t7"."as_of",
  "t7"."asked_on",
  "t7"."asked_until",
  "t7"."gate_open_issue",
  "t7"."gate_payment_trouble",
  "t7"."gate_before_first_value",
  "t7"."gate_just_purchased",
  "t7"."gate_low_adoption",
  "t7"."gate_leaving",
  "t7"."gate_renewal_threat",
  "t7"."gate_open_deal",
  "t7"."gate_do_not_sell",
  "t7"."gate_no_priority",
  "t7"."gate_no_sponsor",
  "t7"."gate_contact_hold",
  "t7"."gate_asked_recently",
  "t7"."gate_at_capacity",
  "t7"."outcome",
  "t7"."priority",
  "t7"."is_winner",
  "t7"."experiment",
  "t7"."outranked_product_id",
  "t7"."outranked_target"
 FROM (
  SELECT
   "t6"."play",
   "t6"."grain",
   "t6"."source_row",
   "t6"."account_key",
   "t6"."product_id",
   "t6"."gate_product_id",
   "t6"."meter_id",
   "t6"."feature_id",
   "t6"."subject_add_on_id",
   "t6"."subject_plan_id",
   "t6"."target",
   "t6"."motion",
   "t6"."to_product_id",
   "t6"."to_plan_id",
   "t6"."to_add_on_id",
   "t6"."interval",
   "t6"."currency",
   "t6"."one_off_units",
   "t6"."meter_adoption",
   "t6"."rungs",
   "t6"."is_estimated",
   "t6"."is_quote",
   "t6"."stays",
   "t6"."adds_nothing",
   "t6"."is_hygiene",
   "t6"."prior",
   "t6"."lever",
   "t6"."segment",
   "t6"."likelihood",
   "t6"."is_prior",
   "t6"."quantity",
   "t6"."recurring_units",
   "t6"."overage_units",
   "t6"."saving_units",
   "t6"."committed_units",
   "t6"."rank_units",
   "t6"."any_hygiene",
   "t6"."evidence_0",
   "t6"."moment_bits",
   "t6"."account_id",
   "t6"."name",
   "t6"."owner_id",
   "t6"."has_owner",
   "t6"."account_currency",
   "t6"."signal_density",
   "t6"."mrr_units",
   "t6"."weighing_problems",
   "t6"."weighing_ticket_id",
   "t6"."troubled_invoices",
   "t6"."troubled_invoice_id",
   "t6"."open_invoices",
   "t6"."cancel_at",
   "t6"."renewal_risk_id",
   "t6"."open_deals",
   "t6"."open_deal_id",
   "t6"."do_not_sell_why",
   "t6"."do_not_sell_until",
   "t6"."has_usage_signal",
   "t6"."has_outcome_signal",
   "t6"."has_strategic_signal",
   "t6"."has_intent_signal",
   "t6"."in_renewal_window",
   "t6"."outcomes_met",
   "t6"."feature_requests_90d",
   "t6"."milestones_28d",
   "t6"."payment_how",
   "t6"."leaving_how",
   "t6"."renewal_how",
   "t6"."open_issue",
   "t6"."payment_trouble",
   "t6"."leaving",
   "t6"."renewal_threat",
   "t6"."open_deal",
   "t6"."do_not_sell",
   "t6"."factor",
   "t6"."path",
   "t6"."lane",
   "t6"."value_year",
   "t6"."adoption",
   "t6"."first_value_how",
   "t6"."bought_on",
   "t6"."bought_days",
   "t6"."just_purchased_until",
   "t6"."before_first_value",
   "t6"."just_purchased",
   "t6"."low_adoption",
   "t6"."asked_at",
   "t6"."step_declined_at",
   "t6"."step_not_now_at",
   "t6"."contact_hold_kind",
   "t6"."contact_held_on",
   "t6"."has_priority",
   "t6"."has_sponsor",
   "t6"."goal_id",
   "t6"."is_planned",
   "t6"."led_by",
   "t6"."is_full",
   "t6"."as_of",
   "t6"."asked_on",
   "t6"."asked_until",
   "t6"."gate_open_issue",
   "t6"."gate_payment_trouble",
   "t6"."gate_before_first_value",
   "t6"."gate_just_purchased",
   "t6"."gate_low_adoption",
   "t6"."gate_leaving",
   "t6"."gate_renewal_threat",
   "t6"."gate_open_deal",
   "t6"."gate_do_not_sell",
   "t6"."gate_no_priority",
   "t6"."gate_no_sponsor",
   "t6"."gate_contact_hold",
   "t6"."gate_asked_recently",
   "t6"."gate_at_capacity",
   CASE
    WHEN "t6"."beaten"
    THEN 'outranked'
    WHEN (
     "t6"."experiment" IS NOT NULL
    )
    AND "t6"."is_winner"
    AND (
     "t6"."outcome" = 'eligible'
    )
    THEN 'held_out'
    ELSE "t6"."outcome"
   END AS "outcome",
   "t6"."priority",
   "t6"."place",
   "t6"."competes",
   "t6"."best_product_id",
   "t6"."best_target",
   "t6"."is_winner",
   "t6"."beaten",
   "t6"."experiment",
   CASE WHEN "t6"."beaten" THEN "t6"."best_product_id" ELSE CAST(NULL AS VARCHAR) END AS "outranked_product_id",
   CASE WHEN "t6"."beaten" THEN "t6"."best_target" ELSE CAST(NULL AS VARCHAR) END AS "outranked_target"
  FROM (
   SELECT
    "t5"."play",
    "t5"."grain",
    "t5"."source_row",
    "t5"."account_key",
    "t5"."product_id",
    "t5"."gate_product_id",
    "t5"."meter_id",
    "t5"."feature_id",
    "t5"."subject_add_on_id",
    "t5"."subject_plan_id",
    "t5"."target",
    "t5"."motion",
    "t5"."to_product_id",
    "t5"."to_plan_id",
    "t5"."to_add_on_id",
    "t5"."interval",
    "t5"."currency",
    "t5"."one_off_units",
    "t5"."meter_adoption",
    "t5"."rungs",
    "t5"."is_estimated",
    "t5"."is_quote",
    "t5"."stays",
    "t5"."adds_nothing",
    "t5"."is_hygiene",
    "t5"."prior",
    "t5"."lever",
    "t5"."segment",
    "t5"."likelihood",
    "t5"."is_prior",
    "t5"."quantity",
    "t5"."recurring_units",
    "t5"."overage_units",
    "t5"."saving_units",
    "t5"."committed_units",
    "t5"."rank_units",
    "t5"."any_hygiene",
    "t5"."evidence_0",
    "t5"."moment_bits",
    "t5"."account_id",
    "t5"."name",
    "t5"."owner_id",
    "t5"."has_owner",
    "t5"."account_currency",
    "t5"."signal_density",
    "t5"."mrr_units",
    "t5"."weighing_problems",
    "t5"."weighing_ticket_id",
    "t5"."troubled_invoices",
    "t5"."troubled_invoice_id",
    "t5"."open_invoices",
    "t5"."cancel_at",
    "t5"."renewal_risk_id",
    "t5"."open_deals",
    "t5"."open_deal_id",
    "t5"."do_not_sell_why",
    "t5"."do_not_sell_until",
    "t5"."has_usage_signal",
    "t5"."has_outcome_signal",
    "t5"."has_strategic_signal",
    "t5"."has_intent_signal",
    "t5"."in_renewal_window",
    "t5"."outcomes_met",
    "t5"."feature_requests_90d",
    "t5"."milestones_28d",
    "t5"."payment_how",
    "t5"."leaving_how",
    "t5"."renewal_how",
    "t5"."open_issue",
    "t5"."payment_trouble",
    "t5"."leaving",
    "t5"."renewal_threat",
    "t5"."open_deal",
    "t5"."do_not_sell",
    "t5"."factor",
    "t5"."path",
    "t5"."lane",
    "t5"."value_year",
    "t5"."adoption",
    "t5"."first_value_how",
    "t5"."bought_on",
    "t5"."bought_days",
    "t5"."just_purchased_until",
    "t5"."before_first_value",
    "t5"."just_purchased",
    "t5"."low_adoption",
    "t5"."asked_at",
    "t5"."step_declined_at",
    "t5"."step_not_now_at",
    "t5"."contact_hold_kind",
    "t5"."contact_held_on",
    "t5"."has_priority",
    "t5"."has_sponsor",
    "t5"."goal_id",
    "t5"."is_planned",
    "t5"."led_by",
    "t5"."is_full",
    "t5"."as_of",
    "t5"."asked_on",
    "t5"."asked_until",
    "t5"."gate_open_issue",
    "t5"."gate_payment_trouble",
    "t5"."gate_before_first_value",
    "t5"."gate_just_purchased",
    "t5"."gate_low_adoption",
    "t5"."gate_leaving",
    "t5"."gate_renewal_threat",
    "t5"."gate_open_deal",
    "t5"."gate_do_not_sell",
    "t5"."gate_no_priority",
    "t5"."gate_no_sponsor",
    "t5"."gate_contact_hold",
    "t5"."gate_asked_recently",
    "t5"."gate_at_capacity",
    "t5"."outcome",
    "t5"."priority",
    "t5"."place",
    "t5"."competes",
    "t5"."best_product_id",
    "t5"."best_target",
    "t5"."is_winner",
    "t5"."beaten",
    "t2"."experiment"
   FROM (
    SELECT
     "t3"."play",
     "t3"."grain",
     "t3"."source_row",
     "t3"."account_key",
     "t3"."product_id",
     "t3"."gate_product_id",
     "t3"."meter_id",
     "t3"."feature_id",
     "t3"."subject_add_on_id",
     "t3"."subject_plan_id",
     "t3"."target",
     "t3"."motion",
     "t3"."to_product_id",
     "t3"."to_plan_id",
     "t3"."to_add_on_id",
     "t3"."interval",
     "t3"."currency",
     "t3"."one_off_units",
     "t3"."meter_adoption",
     "t3"."rungs",
     "t3"."is_estimated",
     "t3"."is_quote",
     "t3"."stays",
     "t3"."adds_nothing",
     "t3"."is_hygiene",
     "t3"."prior",
     "t3"."lever",
     "t3"."segment",
     "t3"."likelihood",
     "t3"."is_prior",
     "t3"."quantity",
     "t3"."recurring_units",
     "t3"."overage_units",
     "t3"."saving_units",
     "t3"."committed_units",
     "t3"."rank_units",
     "t3"."any_hygiene",
     "t3"."evidence_0",
     "t3"."moment_bits",
     "t3"."account_id",
     "t3"."name",
     "t3"."owner_id",
     "t3"."has_owner",
     "t3"."account_currency",
     "t3"."signal_density",
     "t3"."mrr_units",
     "t3"."weighing_problems",
     "t3"."weighing_ticket_id",
     "t3"."troubled_invoices",
     "t3"."troubled_invoice_id",
     "t3"."open_invoices",
     "t3"."cancel_at",
     "t3"."renewal_risk_id",
     "t3"."open_deals",
     "t3"."open_deal_id",
     "t3"."do_not_sell_why",
     "t3"."do_not_sell_until",
     "t3"."has_usage_signal",
     "t3"."has_outcome_signal",
     "t3"."has_strategic_signal",
     "t3"."has_intent_signal",
     "t3"."in_renewal_window",
     "t3"."outcomes_met",
     "t3"."feature_requests_90d",
     "t3"."milestones_28d",
     "t3"."payment_how",
     "t3"."leaving_how",
     "t3"."renewal_how",
     "t3"."open_issue",
     "t3"."payment_trouble",
     "t3"."leaving",
     "t3"."renewal_threat",
     "t3"."open_deal",
     "t3"."do_not_sell",
     "t3"."factor",
     "t3"."path",
     "t3"."lane",
     "t3"."value_year",
     "t3"."adoption",
     "t3"."first_value_how",
     "t3"."bought_on",
     "t3"."bought_days",
     "t3"."just_purchased_until",
     "t3"."before_first_value",
     "t3"."just_purchased",
     "t3"."low_adoption",
     "t3"."asked_at",
     "t3"."step_declined_at",
     "t3"."step_not_now_at",
     "t3"."contact_hold_kind",
     "t3"."contact_held_on",
     "t3"."has_priority",
     "t3"."has_sponsor",
     "t3"."goal_id",
     "t3"."is_planned",
     "t3"."led_by",
     "t3"."is_full",
     "t3"."as_of",
     "t3"."asked_on",
     "t3"."asked_until",
     "t3"."gate_open_issue",
     "t3"."gate_payment_trouble",
     "t3"."gate_before_first_value",
     "t3"."gate_just_purchased",
     "t3"."gate_low_adoption",
     "t3"."gate_leaving",
     "t3"."gate_renewal_threat",
     "t3"."gate_open_deal",
     "t3"."gate_do_not_sell",
     "t3"."gate_no_priority",
     "t3"."gate_no_sponsor",
     "t3"."gate_contact_hold",
     "t3"."gate_asked_recently",
     "t3"."gate_at_capacity",
     "t3"."outcome",
     "t3"."priority",
     "t3"."place",
     "t3"."competes",
     "t3"."best_product_id",
     "t3"."best_target",
     "t3"."competes" AND (
      "t3"."place" = 0
     ) AS "is_winner",
     "t3"."competes" AND (
      "t3"."place" > 0
     ) AS "beaten"
    FROM (
     SELECT
      "t1"."play",
      "t1"."grain",
      "t1"."source_row",
      "t1"."account_key",
      "t1"."product_id",
      "t1"."gate_product_id",
      "t1"."meter_id",
      "t1"."feature_id",
      "t1"."subject_add_on_id",
      "t1"."subject_plan_id",
      "t1"."target",
      "t1"."motion",
      "t1"."to_product_id",
      "t1"."to_plan_id",
      "t1"."to_add_on_id",
      "t1"."interval",
      "t1"."currency",
      "t1"."one_off_units",
      "t1"."meter_adoption",
      "t1"."rungs",
      "t1"."is_estimated",
      "t1"."is_quote",
      "t1"."stays",
      "t1"."adds_nothing",
      "t1"."is_hygiene",
      "t1"."prior",
      "t1"."lever",
      "t1"."segment",
      "t1"."likelihood",
      "t1"."is_prior",
      "t1"."quantity",
      "t1"."recurring_units",
      "t1"."overage_units",
      "t1"."saving_units",
      "t1"."committed_units",
      "t1"."rank_units",
      "t1"."any_hygiene",
      "t1"."evidence_0",
      "t1"."moment_bits",
      "t1"."account_id",
      "t1"."name",
      "t1"."owner_id",
      "t1"."has_owner",
      "t1"."account_currency",
      "t1"."signal_density",
      "t1"."mrr_units",
      "t1"."weighing_problems",
      "t1"."weighing_ticket_id",
      "t1"."troubled_invoices",
      "t1"."troubled_invoice_id",
      "t1"."open_invoices",
      "t1"."cancel_at",
      "t1"."renewal_risk_id",
      "t1"."open_deals",
      "t1"."open_deal_id",
      "t1"."do_not_sell_why",
      "t1"."do_not_sell_until",
      "t1"."has_usage_signal",
      "t1"."has_outcome_signal",
      "t1"."has_strategic_signal",
      "t1"."has_intent_signal",
      "t1"."in_renewal_window",
      "t1"."outcomes_met",
      "t1"."feature_requests_90d",
      "t1"."milestones_28d",
      "t1"."payment_how",
      "t1"."leaving_how",
      "t1"."renewal_how",
      "t1"."open_issue",
      "t1"."payment_trouble",
      "t1"."leaving",
      "t1"."renewal_threat",
      "t1"."open_deal",
      "t1"."do_not_sell",
      "t1"."factor",
      "t1"."path",
      "t1"."lane",
      "t1"."value_year",
      "t1"."adoption",
      "t1"."first_value_how",
      "t1"."bought_on",
      "t1"."bought_days",
      "t1"."just_purchased_until",
      "t1"."before_first_value",
      "t1"."just_purchased",
      "t1"."low_adoption",
      "t1"."asked_at",
      "t1"."step_declined_at",
      "t1"."step_not_now_at",
      "t1"."contact_hold_kind",
      "t1"."contact_held_on",
      "t1"."has_priority",
      "t1"."has_sponsor",
      "t1"."goal_id",
      "t1"."is_planned",
      "t1"."led_by",
      "t1"."is_full",
      "t1"."as_of",
      "t1"."asked_on",
      "t1"."asked_until",
      "t1"."gate_open_issue",
      "t1"."gate_payment_trouble",
      "t1"."gate_before_first_value",
      "t1"."gate_just_purchased",
      "t1"."gate_low_adoption",
      "t1"."gate_leaving",
      "t1"."gate_renewal_threat",
      "t1"."gate_open_deal",
      "t1"."gate_do_not_sell",
      "t1"."gate_no_priority",
      "t1"."gate_no_sponsor",
      "t1"."gate_contact_hold",
      "t1"."gate_asked_recently",
      "t1"."gate_at_capacity",
      "t1"."outcome",
      "t1"."priority",
      ROW_NUMBER() OVER (
       PARTITION BY "t1"."account_key", "t1"."lane"
       ORDER BY CASE WHEN "t1"."outcome" IN ('eligible', 'unconfirmed') THEN 0 ELSE 1 END ASC, CASE WHEN "t1"."outcome" = 'eligible' THEN 0 ELSE 1 END ASC, COALESCE("t1"."priority", -1.0) DESC NULLS LAST, "t1"."saving_units" DESC NULLS LAST, "t1"."signal_density" DESC NULLS LAST, "t1"."to_product_id" ASC, "t1"."target" ASC
       ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) - 1 AS "place",
      "t1"."outcome" IN ('eligible', 'unconfirmed') AS "competes",
      FIRST_VALUE("t1"."to_product_id") OVER (
       PARTITION BY "t1"."account_key", "t1"."lane"
       ORDER BY CASE WHEN "t1"."outcome" IN ('eligible', 'unconfirmed') THEN 0 ELSE 1 END ASC, CASE WHEN "t1"."outcome" = 'eligible' THEN 0 ELSE 1 END ASC, COALESCE("t1"."priority", -1.0) DESC NULLS LAST, "t1"."saving_units" DESC NULLS LAST, "t1"."signal_density" DESC NULLS LAST, "t1"."to_product_id" ASC, "t1"."target" ASC
       ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) AS "best_product_id",
      FIRST_VALUE("t1"."target") OVER (
       PARTITION BY "t1"."account_key", "t1"."lane"
       ORDER BY CASE WHEN "t1"."outcome" IN ('eligible', 'unconfirmed') THEN 0 ELSE 1 END ASC, CASE WHEN "t1"."outcome" = 'eligible' THEN 0 ELSE 1 END ASC, COALESCE("t1"."priority", -1.0) DESC NULLS LAST, "t1"."saving_units" DESC NULLS LAST, "t1"."signal_density" DESC NULLS LAST, "t1"."to_product_id" ASC, "t1"."target" ASC
       ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) AS "best_target"
     FROM "settled" AS "t1"
    ) AS "t3"
   ) AS "t5"
   LEFT OUTER JOIN "holdout" AS "t2"
    ON "t5"."account_key" = "t2"."account_key" AND "t5"."lane" = "t2"."lane"
  ) AS "t6"
 ) AS "t7"
) AS stage;

-- decided 58c058840455535e
SELECT
 CAST("play" AS INT) AS "play",
 "grain",
 CAST("source_row" AS BIGINT) AS "source_row",
 CAST("account_key" AS INT) AS "account_key",
 "product_id",
 "gate_product_id",
 "meter_id",
 "feature_id",
 "subject_add_on_id",
 "subject_plan_id",
 "target",
 "motion",
 "to_product_id",
 "to_plan_id",
 "to_add_on_id",
 "interval",
 "currency",
 CAST("one_off_units" AS BIGINT) AS "one_off_units",
 "meter_adoption",
 CAST("rungs" AS INT) AS "rungs",
 "is_estimated",
 "is_quote",
 "stays",
 "adds_nothing",
 "is_hygiene",
 "prior",
 "lever",
 "segment",
 "likelihood",
 "is_prior",
 CAST("quantity" AS BIGINT) AS "quantity",
 CAST("recurring_units" AS BIGINT) AS "recurring_units",
 CAST("overage_units" AS BIGINT) AS "overage_units",
 CAST("saving_units" AS BIGINT) AS "saving_units",
 CAST("committed_units" AS BIGINT) AS "committed_units",
 CAST("rank_units" AS BIGINT) AS "rank_units",
 "any_hygiene",
 CAST("evidence_0" AS BIGINT) AS "evidence_0",
 CAST("moment_bits" AS BIGINT) AS "moment_bits",
 "account_id",
 "name",
 "owner_id",
 "has_owner",
 "account_currency",
 CAST("signal_density" AS BIGINT) AS "signal_density",
 CAST("mrr_units" AS BIGINT) AS "mrr_units",
 CAST("weighing_problems" AS BIGINT) AS "weighing_problems",
 "weighing_ticket_id",
 CAST("troubled_invoices" AS BIGINT) AS "troubled_invoices",
 "troubled_invoice_id",
 CAST("open_invoices" AS BIGINT) AS "open_invoices",
 CAST("cancel_at" AS BIGINT) AS "cancel_at",
 "renewal_risk_id",
 CAST("open_deals" AS BIGINT) AS "open_deals",
 "open_deal_id",
 "do_not_sell_why",
 CAST("do_not_sell_until" AS BIGINT) AS "do_not_sell_until",
 "has_usage_signal",
 "has_outcome_signal",
 "has_strategic_signal",
 "has_intent_signal",
 "in_renewal_window",
 CAST("outcomes_met" AS BIGINT) AS "outcomes_met",
 CAST("feature_requests_90d" AS BIGINT) AS "feature_requests_90d",
 CAST("milestones_28d" AS BIGINT) AS "milestones_28d",
 "payment_how",
 "leaving_how",
 "renewal_how",
 CAST("open_issue" AS INT) AS "open_issue",
 CAST("payment_trouble" AS INT) AS "payment_trouble",
 CAST("leaving" AS INT) AS "leaving",
 CAST("renewal_threat" AS INT) AS "renewal_threat",
 CAST("open_deal" AS INT) AS "open_deal",
 CAST("do_not_sell" AS INT) AS "do_not_sell",
 "factor",
 "path",
 "lane",
 "value_year",
 "adoption",
 "first_value_how",
 CAST("bought_on" AS BIGINT) AS "bought_on",
 CAST("bought_days" AS BIGINT) AS "bought_days",
 CAST("just_purchased_until" AS BIGINT) AS "just_purchased_until",
 CAST("before_first_value" AS INT) AS "before_first_value",
 CAST("just_purchased" AS INT) AS "just_purchased",
 CAST("low_adoption" AS INT) AS "low_adoption",
 CAST("asked_at" AS BIGINT) AS "asked_at",
 CAST("step_declined_at" AS BIGINT) AS "step_declined_at",
 CAST("step_not_now_at" AS BIGINT) AS "step_not_now_at",
 "contact_hold_kind",
 CAST("contact_held_on" AS BIGINT) AS "contact_held_on",
 "has_priority",
 "has_sponsor",
 "goal_id",
 "is_planned",
 "led_by",
 "is_full",
 CAST("as_of" AS BIGINT) AS "as_of",
 CAST("asked_on" AS BIGINT) AS "asked_on",
 CAST("asked_until" AS BIGINT) AS "asked_until",
 CAST("gate_open_issue" AS INT) AS "gate_open_issue",
 CAST("gate_payment_trouble" AS INT) AS "gate_payment_trouble",
 CAST("gate_before_first_value" AS INT) AS "gate_before_first_value",
 CAST("gate_just_purchased" AS INT) AS "gate_just_purchased",
 CAST("gate_low_adoption" AS INT) AS "gate_low_adoption",
 CAST("gate_leaving" AS INT) AS "gate_leaving",
 CAST("gate_renewal_threat" AS INT) AS "gate_renewal_threat",
 CAST("gate_open_deal" AS INT) AS "gate_open_deal",
 CAST("gate_do_not_sell" AS INT) AS "gate_do_not_sell",
 CAST("gate_no_priority" AS INT) AS "gate_no_priority",
 CAST("gate_no_sponsor" AS INT) AS "gate_no_sponsor",
 CAST("gate_contact_hold" AS INT) AS "gate_contact_hold",
 CAST("gate_asked_recently" AS INT) AS "gate_asked_recently",
 CAST("gate_at_capacity" AS INT) AS "gate_at_capacity",
 "outcome",
 "priority",
 "is_winner",
 "experiment",
 "outranked_product_id",
 "outranked_target",
 "recipients"
FROM (
 WITH "t12" AS (
  SELECT
   "t11"."contact_id",
   "t11"."account_key",
   "t11"."name",
   "t11"."email",
   "t11"."title",
   "t11"."role",
   "t11"."team",
   "t11"."time_zone",
   "t11"."may_buy",
   "t11"."in_original_purchase",
   "t11"."invited_by_contact_id",
   "t11"."consents",
   "t11"."created_at",
   "t11"."left_at",
   "t11"."as_of"
  FROM (
   SELECT
    *
   FROM (
    SELECT
     "t4"."contact_id",
     "t4"."account_key",
     "t4"."name",
     "t4"."email",
     "t4"."title",
     "t4"."role",
     "t4"."team",
     "t4"."time_zone",
     "t4"."may_buy",
     "t4"."in_original_purchase",
     "t4"."invited_by_contact_id",
     "t4"."consents",
     "t4"."created_at",
     "t4"."left_at",
     "t8"."as_of"
    FROM "contact" AS "t4"
    CROSS JOIN (
     SELECT
      "t2"."as_of"
     FROM "today" AS "t2"
    ) AS "t8"
   ) AS "t9"
   WHERE
    (
     "t9"."left_at" IS NULL
    ) OR (
     "t9"."left_at" > "t9"."as_of"
    )
  ) AS "t11"
  WHERE
   EXISTS(
    SELECT
     1
    FROM (
     SELECT DISTINCT
      "t0"."account_key"
     FROM "arbitrated" AS "t0"
    ) AS "t7"
    WHERE
     "t11"."account_key" = "t7"."account_key"
   )
 )
 SELECT
  "t29"."play",
  "t29"."grain",
  "t29"."source_row",
  "t29"."account_key",
  "t29"."product_id",
  "t29"."gate_product_id",
  "t29"."meter_id",
  "t29"."feature_id",
  "t29"."subject_add_on_id",
  "t29"."subject_plan_id",
  "t29"."target",
  "t29"."motion",
  "t29"."to_product_id",
  "t29"."to_plan_id",
  "t29"."to_add_on_id",
  "t29"."interval",
  "t29"."currency",
  "t29"."one_off_units",
  "t29"."meter_adoption",
  "t29"."rungs",
  "t29"."is_estimated",
  "t29"."is_quote",
  "t29"."stays",
  "t29"."adds_nothing",
  "t29"."is_hygiene",
  "t29"."prior",
  "t29"."lever",
  "t29"."segment",
  "t29"."likelihood",
  "t29"."is_prior",
  "t29"."quantity",
  "t29"."recurring_units",
  "t29"."overage_units",
  "t29"."saving_units",
  "t29"."committed_units",
  "t29"."rank_units",
  "t29"."any_hygiene",
  "t29"."evidence_0",
  "t29"."moment_bits",
  "t29"."account_id",
  "t29"."name",
  "t29"."owner_id",
  "t29"."has_owner",
  "t29"."account_currency",
  "t29"."signal_density",
  "t29"."mrr_units",
  "t29"."weighing_problems",
  "t29"."weighing_ticket_id",
  "t29"."troubled_invoices",
  "t29"."troubled_invoice_id",
  "t29"."open_invoices",
  "t29"."cancel_at",
  "t29"."renewal_risk_id",
  "t29"."open_deals",
  "t29"."open_deal_id",
  "t29"."do_not_sell_why",
  "t29"."do_not_sell_until",
  "t29"."has_usage_signal",
  "t29"."has_outcome_signal",
  "t29"."has_strategic_signal",
  "t29"."has_intent_signal",
  "t29"."in_renewal_window",
  "t29"."outcomes_met",
  "t29"."feature_requests_90d",
  "t29"."milestones_28d",
  "t29"."payment_how",
  "t29"."leaving_how",
  "t29"."renewal_how",
  "t29"."open_issue",
  "t29"."payment_trouble",
  "t29"."leaving",
  "t29"."renewal_threat",
  "t29"."open_deal",
  "t29"."do_not_sell",
  "t29"."factor",
  "t29"."path",
  "t29"."lane",
  "t29"."value_year",
  "t29"."adoption",
  "t29"."first_value_how",
  "t29"."bought_on",
  "t29"."bought_days",
  "t29"."just_purchased_until",
  "t29"."before_first_value",
  "t29"."just_purchased",
  "t29"."low_adoption",
  "t29"."asked_at",
  "t29"."step_declined_at",
  "t29"."step_not_now_at",
  "t29"."contact_hold_kind",
  "t29"."contact_held_on",
  "t29"."has_priority",
  "t29"."has_sponsor",
  "t29"."goal_id",
  "t29"."is_planned",
  "t29"."led_by",
  "t29"."is_full",
  "t29"."as_of",
  "t29"."asked_on",
  "t29"."asked_until",
  "t29"."gate_open_issue",
  "t29"."gate_payment_trouble",
  "t29"."gate_before_first_value",
  "t29"."gate_just_purchased",
  "t29"."gate_low_adoption",
  "t29"."gate_leaving",
  "t29"."gate_renewal_threat",
  "t29"."gate_open_deal",
  "t29"."gate_do_not_sell",
  "t29"."gate_no_priority",
  "t29"."gate_no_sponsor",
  "t29"."gate_contact_hold",
  "t29"."gate_asked_recently",
  "t29"."gate_at_capacity",
  "t29"."outcome",
  "t29"."priority",
  "t29"."is_winner",
  "t29"."experiment",
  "t29"."outranked_product_id",
  "t29"."outranked_target",
  "t29"."recipients"
 FROM (
  SELECT
   "t28"."play",
   "t28"."grain",
   "t28"."source_row",
   "t28"."account_key",
   "t28"."product_id",
   "t28"."gate_product_id",
   "t28"."meter_id",
   "t28"."feature_id",
   "t28"."subject_add_on_id",
   "t28"."subject_plan_id",
   "t28"."target",
   "t28"."motion",
   "t28"."to_product_id",
   "t28"."to_plan_id",
   "t28"."to_add_on_id",
   "t28"."interval",
   "t28"."currency",
   "t28"."one_off_units",
   "t28"."meter_adoption",
   "t28"."rungs",
   "t28"."is_estimated",
   "t28"."is_quote",
   "t28"."stays",
   "t28"."adds_nothing",
   "t28"."is_hygiene",
   "t28"."prior",
   "t28"."lever",
   "t28"."segment",
   "t28"."likelihood",
   "t28"."is_prior",
   "t28"."quantity",
   "t28"."recurring_units",
   "t28"."overage_units",
   "t28"."saving_units",
   "t28"."committed_units",
   "t28"."rank_units",
   "t28"."any_hygiene",
   "t28"."evidence_0",
   "t28"."moment_bits",
   "t28"."account_id",
   "t28"."name",
   "t28"."owner_id",
   "t28"."has_owner",
   "t28"."account_currency",
   "t28"."signal_density",
   "t28"."mrr_units",
   "t28"."weighing_problems",
   "t28"."weighing_ticket_id",
   "t28"."troubled_invoices",
   "t28"."troubled_invoice_id",
   "t28"."open_invoices",
   "t28"."cancel_at",
   "t28"."renewal_risk_id",
   "t28"."open_deals",
   "t28"."open_deal_id",
   "t28"."do_not_sell_why",
   "t28"."do_not_sell_until",
   "t28"."has_usage_signal",
   "t28"."has_outcome_signal",
   "t28"."has_strategic_signal",
   "t28"."has_intent_signal",
   "t28"."in_renewal_window",
   "t28"."outcomes_met",
   "t28"."feature_requests_90d",
   "t28"."milestones_28d",
   "t28"."payment_how",
   "t28"."leaving_how",
   "t28"."renewal_how",
   "t28"."open_issue",
   "t28"."payment_trouble",
   "t28"."leaving",
   "t28"."renewal_threat",
   "t28"."open_deal",
   "t28"."do_not_sell",
   "t28"."factor",
   "t28"."path",
   "t28"."lane",
   "t28"."value_year",
   "t28"."adoption",
   "t28"."first_value_how",
   "t28"."bought_on",
   "t28"."bought_days",
   "t28"."just_purchased_until",
   "t28"."before_first_value",
   "t28"."just_purchased",
   "t28"."low_adoption",
   "t28"."asked_at",
   "t28"."step_declined_at",
   "t28"."step_not_now_at",
   "t28"."contact_hold_kind",
   "t28"."contact_held_on",
   "t28"."has_priority",
   "t28"."has_sponsor",
   "t28"."goal_id",
   "t28"."is_planned",
   "t28"."led_by",
   "t28"."is_full",
   "t28"."as_of",
   "t28"."asked_on",
   "t28"."asked_until",
   "t28"."gate_open_issue",
   "t28"."gate_payment_trouble",
   "t28"."gate_before_first_value",
   "t28"."gate_just_purchased",
   "t28"."gate_low_adoption",
   "t28"."gate_leaving",
   "t28"."gate_renewal_threat",
   "t28"."gate_open_deal",
   "t28"."gate_do_not_sell",
   "t28"."gate_no_priority",
   "t28"."gate_no_sponsor",
   "t28"."gate_contact_hold",
   "t28"."gate_asked_recently",
   "t28"."gate_at_capacity",
   "t28"."outcome",
   "t28"."priority",
   "t28"."is_winner",
   "t28"."experiment",
   "t28"."outranked_product_id",
   "t28"."outranked_target",
   "t28"."buyers",
   "t28"."users",
   CASE
    WHEN "t28"."motion" = 'adopt'
    THEN "t28"."users"
    WHEN (
     "t28"."path" = 'assisted'
    ) OR (
     "t28"."motion" = 'right_size'
    )
    THEN 'owner:' || COALESCE("t28"."owner_id", CAST(NULL AS VARCHAR))
    ELSE "t28"."buyers"
   END AS "recipients"
  FROM (
   SELECT
    "t3"."play",
    "t3"."grain",
    "t3"."source_row",
    "t3"."account_key",
    "t3"."product_id",
    "t3"."gate_product_id",
    "t3"."meter_id",
    "t3"."feature_id",
    "t3"."subject_add_on_id",
    "t3"."subject_plan_id",
    "t3"."target",
    "t3"."motion",
    "t3"."to_product_id",
    "t3"."to_plan_id",
    "t3"."to_add_on_id",
    "t3"."interval",
    "t3"."currency",
    "t3"."one_off_units",
    "t3"."meter_adoption",
    "t3"."rungs",
    "t3"."is_estimated",
    "t3"."is_quote",
    "t3"."stays",
    "t3"."adds_nothing",
    "t3"."is_hygiene",
    "t3"."prior",
    "t3"."lever",
    "t3"."segment",
    "t3"."likelihood",
    "t3"."is_prior",
    "t3"."quantity",
    "t3"."recurring_units",
    "t3"."overage_units",
    "t3"."saving_units",
    "t3"."committed_units",
    "t3"."rank_units",
    "t3"."any_hygiene",
    "t3"."evidence_0",
    "t3"."moment_bits",
    "t3"."account_id",
    "t3"."name",
    "t3"."owner_id",
    "t3"."has_owner",
    "t3"."account_currency",
    "t3"."signal_density",
    "t3"."mrr_units",
    "t3"."weighing_problems",
    "t3"."weighing_ticket_id",
    "t3"."troubled_invoices",
    "t3"."troubled_invoice_id",
    "t3"."open_invoices",
    "t3"."cancel_at",
    "t3"."renewal_risk_id",
    "t3"."open_deals",
    "t3"."open_deal_id",
    "t3"."do_not_sell_why",
    "t3"."do_not_sell_until",
    "t3"."has_usage_signal",
    "t3"."has_outcome_signal",
    "t3"."has_strategic_signal",
    "t3"."has_intent_signal",
    "t3"."in_renewal_window",
    "t3"."outcomes_met",
    "t3"."feature_requests_90d",
    "t3"."milestones_28d",
    "t3"."payment_how",
    "t3"."leaving_how",
    "t3"."renewal_how",
    "t3"."open_issue",
    "t3"."payment_trouble",
    "t3"."leaving",
    "t3"."renewal_threat",
    "t3"."open_deal",
    "t3"."do_not_sell",
    "t3"."factor",
    "t3"."path",
    "t3"."lane",
    "t3"."value_year",
    "t3"."adoption",
    "t3"."first_value_how",
    "t3"."bought_on",
    "t3"."bought_days",
    "t3"."just_purchased_until",
    "t3"."before_first_value",
    "t3"."just_purchased",
    "t3"."low_adoption",
    "t3"."asked_at",
    "t3"."step_declined_at",
    "t3"."step_not_now_at",
    "t3"."contact_hold_kind",
    "t3"."contact_held_on",
    "t3"."has_priority",
    "t3"."has_sponsor",
    "t3"."goal_id",
    "t3"."is_planned",
    "t3"."led_by",
    "t3"."is_full",
    "t3"."as_of",
    "t3"."asked_on",
    "t3"."asked_until",
    "t3"."gate_open_issue",
    "t3"."gate_payment_trouble",
    "t3"."gate_before_first_value",
    "t3"."gate_just_purchased",
    "t3"."gate_low_adoption",
    "t3"."gate_leaving",
    "t3"."gate_renewal_threat",
    "t3"."gate_open_deal",
    "t3"."gate_do_not_sell",
    "t3"."gate_no_priority",
    "t3"."gate_no_sponsor",
    "t3"."gate_contact_hold",
    "t3"."gate_asked_recently",
    "t3"."gate_at_capacity",
    "t3"."outcome",
    "t3"."priority",
    "t3"."is_winner",
    "t3"."experiment",
    "t3"."outranked_product_id",
    "t3"."outranked_target",
    "t27"."buyers",
    "t24"."users"
   FROM "arbitrated" AS "t3"
   LEFT OUTER JOIN (
    SELECT
     "t25"."account_key",
     "t25"."id_0" || COALESCE('
' || "t25"."id_1", '') || COALESCE('
' || "t25"."id_2", '') || COALESCE('
' || "t25"."id_3", '') || COALESCE('
' || "t25"."id_4", '') AS "buyers"
    FROM (
     SELECT
      "t22"."account_key",
      MAX(
       CASE WHEN "t22"."place" = 0 THEN "t22"."contact_id" ELSE CAST(NULL AS VARCHAR) END
      ) AS "id_0",
      MAX(
       CASE WHEN "t22"."place" = 1 THEN "t22"."contact_id" ELSE CAST(NULL AS VARCHAR) END
      ) AS "id_1",
      MAX(
       CASE WHEN "t22"."place" = 2 THEN "t22"."contact_id" ELSE CAST(NULL AS VARCHAR) END
      ) AS "id_2",
      MAX(
       CASE WHEN "t22"."place" = 3 THEN "t22"."contact_id" ELSE CAST(NULL AS VARCHAR) END
      ) AS "id_3",
      MAX(
       CASE WHEN "t22"."place" = 4 THEN "t22"."contact_id" ELSE CAST(NULL AS VARCHAR) END
      ) AS "id_4"
     FROM (
      SELECT
       *
      FROM (
       SELECT
        "t19"."contact_id",
        "t19"."account_key",
        "t19"."name",
        "t19"."email",
        "t19"."title",
        "t19"."role",
        "t19"."team",
        "t19"."time_zone",
        "t19"."may_buy",
        "t19"."in_original_purchase",
        "t19"."invited_by_contact_id",
        "t19"."consents",
        "t19"."created_at",
        "t19"."left_at",
        "t19"."as_of",
        "t19"."kind",
        "t19"."best",
        ROW_NUMBER() OVER (
         PARTITION BY "t19"."account_key"
         ORDER BY "t19"."contact_id" ASC
         ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) - 1 AS "place"
       FROM (
        SELECT
         *
        FROM (
         SELECT
          "t15"."contact_id",
          "t15"."account_key",
          "t15"."name",
          "t15"."email",
          "t15"."title",
          "t15"."role",
          "t15"."team",
          "t15"."time_zone",
          "t15"."may_buy",
          "t15"."in_original_purchase",
          "t15"."invited_by_contact_id",
          "t15"."consents",
          "t15"."created_at",
          "t15"."left_at",
          "t15"."as_of",
          "t15"."kind",
          MIN("t15"."kind") OVER (
           PARTITION BY "t15"."account_key"
           ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) AS "best"
         FROM (
          SELECT
           "t13"."contact_id",
           "t13"."account_key",
           "t13"."name",
           "t13"."email",
           "t13"."title",
           "t13"."role",
           "t13"."team",
           "t13"."time_zone",
           "t13"."may_buy",
           "t13"."in_original_purchase",
           "t13"."invited_by_contact_id",
           "t13"."consents",
           "t13"."created_at",
           "t13"."left_at",
           "t13"."as_of",
           CASE
            WHEN COALESCE("t13"."may_buy", FALSE)
            AND (
             COALESCE("t13"."role", '') <> 'executive'
            )
            THEN 0
            WHEN "t13"."role" IN ('budget_owner', 'admin')
            THEN 1
            ELSE 2
           END AS "kind"
          FROM "t12" AS "t13"
          WHERE
           CASE
            WHEN COALESCE("t13"."may_buy", FALSE)
            AND (
             COALESCE("t13"."role", '') <> 'executive'
            )
            THEN 0
            WHEN "t13"."role" IN ('budget_owner', 'admin')
            THEN 1
            ELSE 2
           END < 2
         ) AS "t15"
        ) AS "t17"
        WHERE
         "t17"."kind" = "t17"."best"
       ) AS "t19"
      ) AS "t21"
      WHERE
       "t21"."place" < 5
     ) AS "t22"
     GROUP BY
      1
    ) AS "t25"
   ) AS "t27"
    ON "t3"."account_key" = "t27"."account_key"
   LEFT OUTER JOIN (
    SELECT
     "t20"."account_key",
     "t20"."id_0" || COALESCE('
' || "t20"."id_1", '') || COALESCE('
' || "t20"."id_2", '') || COALESCE('
' || "t20"."id_3", '') || COALESCE('
' || "t20"."id_4", '') AS "users"
    FROM (
     SELECT
      "t18"."account_key",
      MAX(
       CASE WHEN "t18"."place" = 0 THEN "t18"."contact_id" ELSE CAST(NULL AS VARCHAR) END
      ) AS "id_0",
      MAX(
       CASE WHEN "t18"."place" = 1 THEN "t18"."contact_id" ELSE CAST(NULL AS VARCHAR) END
      ) AS "id_1",
      MAX(
       CASE WHEN "t18"."place" = 2 THEN "t18"."contact_id" ELSE CAST(NULL AS VARCHAR) END
      ) AS "id_2",
      MAX(
       CASE WHEN "t18"."place" = 3 THEN "t18"."contact_id" ELSE CAST(NULL AS VARCHAR) END
      ) AS "id_3",
      MAX(
       CASE WHEN "t18"."place" = 4 THEN "t18"."contact_id" ELSE CAST(NULL AS VARCHAR) END
      ) AS "id_4"
     FROM (
      SELECT
       *
      FROM (
       SELECT
        "t14"."contact_id",
        "t14"."account_key",
        "t14"."name",
        "t14"."email",
        "t14"."title",
        "t14"."role",
        "t14"."team",
        "t14"."time_zone",
        "t14"."may_buy",
        "t14"."in_original_purchase",
        "t14"."invited_by_contact_id",
        "t14"."consents",
        "t14"."created_at",
        "t14"."left_at",
        "t14"."as_of",
        ROW_NUMBER() OVER (
         PARTITION BY "t14"."account_key"
         ORDER BY "t14"."contact_id" ASC
         ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) - 1 AS "place"
       FROM (
        SELECT
         *
        FROM "t12" AS "t13"
        WHERE
         (
          "t13"."role" IS NULL
         ) OR "t13"."role" IN ('user', 'admin', 'champion')
       ) AS "t14"
      ) AS "t16"
      WHERE
       "t16"."place" < 5
     ) AS "t18"
     GROUP BY
      1
    ) AS "t20"
   ) AS "t24"
    ON "t3"."account_key" = "t24"."account_key"
  ) AS "t28"
 ) AS "t29"
) AS stage;

-- meter_people 7b8620030e4f6117
SELECT
 CAST("account_key" AS INT) AS "account_key",
 "meter_id",
 "people"
FROM (
 SELECT
  "t22"."account_key",
  "t22"."meter_id",
  "t22"."id_0" || COALESCE('
' || "t22"."id_1", '') || COALESCE('
' || "t22"."id_2", '') || COALESCE('
' || "t22"."id_3", '') || COALESCE('
' || "t22"."id_4", '') AS "people"
 FROM (
  SELECT
   "t21"."account_key",
   "t21"."meter_id",
   MAX(
    CASE WHEN "t21"."place" = 0 THEN "t21"."contact_id" ELSE CAST(NULL AS VARCHAR) END
   ) AS "id_0",
   MAX(
    CASE WHEN "t21"."place" = 1 THEN "t21"."contact_id" ELSE CAST(NULL AS VARCHAR) END
   ) AS "id_1",
   MAX(
    CASE WHEN "t21"."place" = 2 THEN "t21"."contact_id" ELSE CAST(NULL AS VARCHAR) END
   ) AS "id_2",
   MAX(
    CASE WHEN "t21"."place" = 3 THEN "t21"."contact_id" ELSE CAST(NULL AS VARCHAR) END
   ) AS "id_3",
   MAX(
    CASE WHEN "t21"."place" = 4 THEN "t21"."contact_id" ELSE CAST(NULL AS VARCHAR) END
   ) AS "id_4"
  FROM (
   SELECT
    *
   FROM (
    SELECT
     "t19"."account_key",
     "t19"."meter_id",
     "t19"."contact_id",
     ROW_NUMBER() OVER (
      PARTITION BY "t19"."account_key", "t19"."meter_id"
      ORDER BY "t19"."contact_id" ASC
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
     ) - 1 AS "place"
    FROM (
     SELECT DISTINCT
      "t18"."account_key",
      "t18"."meter_id",
      "t18"."contact_id"
     FROM (
      SELECT
       "t17"."account_key",
       "t17"."meter_key",
       "t17"."contact_key",
       "t17"."month",
       "t17"."day_mask",
       "t17"."meter_id",
       "t17"."this_month",
       "t17"."mask_this_month",
       "t17"."mask_last_month",
       "t5"."contact_id"
      FROM (
       SELECT
        *
       FROM (
        SELECT
         "t6"."account_key",
         "t6"."meter_key",
         "t6"."contact_key",
         "t6"."month",
         "t6"."day_mask",
         "t14"."meter_id",
         "t10"."this_month",
         "t10"."mask_this_month",
         "t10"."mask_last_month"
        FROM "usage_contact" AS "t6"
        INNER JOIN (
         SELECT
          "t11"."account_key",
          "t11"."meter_id",
          "t12"."meter_key"
         FROM (
          SELECT DISTINCT
           "t3"."account_key",
           "t3"."meter_id"
          FROM "fired_limit" AS "t3"
         ) AS "t11"
         INNER JOIN (
          SELECT
           "t4"."meter_id",
           "t4"."meter_key"
          FROM "catalog_meter" AS "t4"
         ) AS "t12"
          ON "t11"."meter_id" = "t12"."meter_id"
        ) AS "t14"
         ON "t6"."account_key" = "t14"."account_key" AND "t6"."meter_key" = "t14"."meter_key"
        CROSS JOIN (
         SELECT
          "t2"."this_month",
          "t2"."mask_this_month",
          "t2"."mask_last_month"
         FROM "today" AS "t2"
        ) AS "t10"
       ) AS "t15"
       WHERE
        (
         (
          "t15"."month" = "t15"."this_month"
         )
         AND (
          (
           "t15"."day_mask" & "t15"."mask_this_month"
          ) <> 0
         )
        )
        OR (
         (
          "t15"."month" = (
           "t15"."this_month" - 1
          )
         )
         AND (
          (
           "t15"."day_mask" & "t15"."mask_last_month"
          ) <> 0
         )
        )
      ) AS "t17"
      INNER JOIN "contact_key" AS "t5"
       ON "t17"."contact_key" = "t5"."contact_key"
     ) AS "t18"
    ) AS "t19"
   ) AS "t20"
   WHERE
    "t20"."place" < 5
  ) AS "t21"
  GROUP BY
   1,
   2
 ) AS "t22"
) AS stage;
