"""``abcgen studio``: compose in the browser, with a server on one's own machine.

In reading order:

1. ``bodies``: what the browser, or another program, may ask for, as checked schemas.
2. ``network_tasks`` and ``tune_tasks``: the work itself, on networks and on tunes. ``doctor`` finds
   the line of each problem of a tune that is being typed.
3. ``worker`` does tasks in a process of its own, which ``processes`` starts, limits in time and
   starts again; ``queue`` lets clients take turns.
4. ``history``: the tunes that were composed or brought, in SQLite.
5. ``access``: who may ask: Host, Origin, token, content security policy.
6. ``endpoints``: the HTTP interface; ``openapi`` describes it.
7. ``server`` joins them and serves the page in ``static``.
"""
