"""What a person reads when the cluster is up: where everything is, and what to try, in commands to copy."""

import sys
from pathlib import Path

from tests.cluster.build import kubernetes_version
from tests.cluster.playground.running import PERSON, Playground

ITALY = """\
apiVersion: callkeeper.dev/v1alpha1
kind: Blacklist
metadata:
  name: italy
spec:
  recorderRef: {name: quickstart}
  numbers:
    - {pattern: "+39!", comment: not recorded since today}
"""


def write_helpers(playground: Playground) -> None:
    """Write the files that the commands name: a Blacklist to apply, and `call`, which offers a call to the recorder."""
    (playground.folder / "italy.yaml").write_text(ITALY)
    call = playground.folder / "call"
    call.write_text(
        f'#!{sys.executable}\n"""Offers a call to Ada from a number, and says whether it is recorded and why."""\n\n'
        "import sys\n\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
        "from tests.cluster.playground.calling import offer\n\n"
        "if len(sys.argv) != 2:\n    sys.exit('Usage: call NUMBER, such as +390212345')\n"
        f"print(offer({playground.recorder!r}, {str(playground.authorization)!r}, sys.argv[1]))\n"
    )
    call.chmod(0o755)


def page(playground: Playground) -> str:
    """The page; each line that begins with `$ ` is a command."""
    folder = playground.folder
    binaries = Path(sys.executable).parent
    return f"""
Kubernetes {kubernetes_version()} runs on this machine, without nodes; Callkeeper governs the recorder voice/quickstart.

In another terminal:

  $ export KUBECONFIG={playground.kubeconfig} PATH={binaries}:$PATH

1. What is in force, why, and since when:

  $ kubectl get callkeeper

2. Somebody calls Ada from an Italian number. Is the call recorded?

  $ {folder}/call +390212345

3. Put Italian numbers on a blacklist, and wait until the recorder has it:

  $ kubectl apply -f {folder}/italy.yaml
  $ kubectl wait --for=condition=Ready blacklist/italy
  $ {folder}/call +390212345

4. Who did that? The audit log knows you as {PERSON}:

  $ callkeeper audit export --url {playground.collector} --log {playground.log} \\
      --token-file {playground.auditor_token} --from today --email {PERSON}

Then try: `kubectl edit blacklist never`, and make a pattern 90Y, or a range run backwards; delete the RecordingFilter.
Ask the objects themselves:

  $ kubectl callkeeper explain --cluster --user ada@example.com --caller +390212345 --callee 2001
  $ kubectl callkeeper status

  recorder   {playground.recorder}
  collector  {playground.collector}
  logs       {playground.logs}

Ctrl-C removes all of it.
"""
