"""Jobs of one router: admission, fair queues, dispatch to workers, failover. Knows no HTTP.

A job goes one way: :class:`~router.jobs.broker.Broker` takes it, :mod:`~router.jobs.admission` checks it,
:mod:`~router.jobs.dispatch` queues it (:mod:`~router.jobs.fairness`), places it (:mod:`~router.jobs.placement`) and
sends it (:mod:`~router.jobs.workers.link`). What comes back goes through :mod:`~router.jobs.receiver` into the
:class:`~router.jobs.job.Job`, which its client reads, until :mod:`~router.jobs.completion` ends it. If the worker is
lost, :mod:`~router.jobs.failover` puts the job back into its queue.
"""
