"""usage: run.py BUILD_FOLDER"""
import os
import shutil
import sys
import tempfile

import chains
import configuration
import liars
import net
import operations
import peers
import requests_


def main():
    build = os.path.abspath(sys.argv[1])
    for program in ("src/cmd/platformd", "src/cmd/platform-worker", "tests/attacker", "tests/attack_op"):
        if not os.access(os.path.join(build, program), os.X_OK):
            print("cannot run: %s is not built" % program)
            return 77
    folder = tempfile.mkdtemp(prefix="platform-attack-")
    network, results = net.Network(build, folder), net.Results()
    try:
        trouble = network.up()
        if not results.check("four validators are ready", trouble == "", trouble):
            return 1
        before = network.pids()
        module, shown = operations.prepare(network, results)
        for group in (operations, requests_, peers, chains, configuration):
            group.run(network, results)
            name = group.__name__.strip("_")
            op, _ = network.op("owner", "register", "after-" + name, module, shown)
            results.check("after %s: a right operation is executed" % name, network.executed(op))
            results.check("after %s: all nodes are ready" % name, net.until(network.all_ready, 15))
            sizes = network.rss_kib()
            results.check("after %s: memory within its bound" % name, max(sizes) <= net.RSS_MAX_KIB, sizes)
        results.check("no process was restarted", network.pids() == before)
        liars.run(network, results)
    finally:
        network.down()
        print("%d passed, %d failed" % (results.passed, results.failed), flush=True)
        if results.failed == 0 and "KEEP" not in os.environ:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if results.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
