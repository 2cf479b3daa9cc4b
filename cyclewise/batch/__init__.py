"""Many runs as one: a YAML file of systems and workloads, carried out on all cores, resumable at any time.

==============  ============================================================================
module          what it does
==============  ============================================================================
spec            the batch file as it is written
planning        from the file to runs, with everything checked
folder          what is on disk: the record, finished and failed runs, the lock
execution       carries out what is not finished
table           one row a run, as CSV and Parquet
results         reads a batch folder back
==============  ============================================================================
"""
