/* worker_probe: what platform-worker-probe, a test build of the worker, tries
 * once it is isolated: everything that a guest which took over the process
 * might want.  Never part of the worker that is shipped. */
#ifndef CMD_WORKER_PROBE_H
#define CMD_WORKER_PROBE_H

enum { PROBE_DONE = 40, PROBE_REFUSED = 41, PROBE_UNKNOWN = 42 };

/* worker_probe does what argv[1] names and ends the process: killed, or with
 * PROBE_DONE (it worked), PROBE_REFUSED (an error, no harm), PROBE_UNKNOWN. */
_Noreturn void worker_probe(int argc, char **argv);

#endif
