"""The one source of everything under deploy/: `python -m deploy.generate` writes the kustomize base and the Helm chart.

    values               leaves that are left to whoever installs
    names                names, ports and labels
    choices              everything that may be chosen, with default, description and schema
    pods, parts          the objects of each part
    permissions          ServiceAccounts, Roles and bindings
    network, monitoring  policies; what Prometheus is told
    bundle               all of it, in files, each object with the conditions it stands under
    kustomize, helm      the two writers
    argo_cd              health checks

Both writers are given the same values, so what `kubectl apply -k` and `helm install` bring into a cluster differs in
nothing but what was chosen. A test compares the two renders object by object.
"""
