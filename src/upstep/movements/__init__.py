"""MRR movements: what each change of a subscription did to recurring revenue, with its cause. Facts only.

It owns the movement table and the policies that settle what counts. It knows no reports, plays or offers: what came of
a month is ``revenue.mrr``, who is credited is ``revenue.attribution``.

The movement table (``movement.movements``), the event view: one row per (account_key, currency, product_id, is_add_on,
moved_at) whose MRR or committed term changed. Changes of one account within an hour are one, at the instant
of the first.

| column | type | meaning |
|---|---|---|
| account_key | int32 | the account, after mergers |
| currency | string | of everything in the row |
| product_id | string | the product that changed |
| is_add_on | boolean | the add-ons of the product, not its plans |
| moved_at | int64 | the instant, whole seconds since 1970 |
| units | int64 | the change of MRR, signed, in units of 1/332640 minor unit (``money.UNITS_PER_MINOR``) |
| category | string | new, expansion, contraction, churn, reactivation: the event's own, +100 and -40 |
| net_category | string | the same for the account's net in that currency at that instant: both rows are part of +60 |
| cause | string | one of ``CAUSES``; NULL where the account simply begins to pay, or pays again |
| plan_before, plan_after | string | the product's plan before and after; NULL: none, or an add-on |
| quantity_change | int64 | signed |
| committed_minor | int64 | change of what is committed for a term, minor: 2,000 a month -> 20,000 a year is 18,000 |
| mrr_before, mrr_after | int64 | the account's MRR in that currency at that instant, units |
| paying_before, paying_after | boolean | whether the account pays anything in any currency |
| first_paid_at | int64 | when the account first paid: its cohort |
| is_mixed | boolean | the account has paid in more than one currency |
| currency_key, category_code, net_code, cause_code | int32 | the same words as numbers, to group millions of rows by |
| previous_at, next_at | int64 | the account's movements around it; moved_at itself where it shares the instant |

``movement.net_view`` of it has one row per (account_key, currency, moved_at), ``category`` from the net and the cause
that weighs most; the same columns. FX has no row here: amounts stand in their own currency, and ``revenue.mrr`` adds
the effect of rates as the line ``fx`` of a month. For every account and currency the units up to an instant add up to
what is paid then.
"""
