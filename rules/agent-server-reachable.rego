# METADATA
# title: The control plane answers at an agent's server address
# description: |
#   The agent connects to agent.kubeconfig.server. The address must be an https URL, the certificate of the Karmada
#   API server must cover its host (certs.auto.hosts of the chart; certificates are made once, at installation), and
#   something must expose the API server under that name and port. A Tailscale machine name is completed by any
#   tailnet: the Service "karmada-apiserver" answers at karmada-apiserver.<tailnet>.ts.net. Where the values of the
#   control plane cannot be read, nothing is reported; neither is a missing exposure where Git does not show all
#   that its cluster applies.
# related_resources:
#   - ref: https://github.com/karmada-io/karmada/issues/4256
#     description: An exposed API server and a certificate that does not cover the name
#   - ref: https://tailscale.com/kb/1439/kubernetes-operator-cluster-ingress
#     description: Exposing a Service with the Tailscale operator
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Agent
#   fix: Make the address, the control plane's certificate and its exposure agree on host and port.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/values.yaml:146
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/pre-install-job.yaml:293
package rules["agent-server-reachable"]

import data.lib.clusters

violation contains {"field": input.agent.serverField, "message": message} if {
	_runs
	input.agent.serverState != "unknown"
	message := _malformed(input.agent.server)
}

violation contains {
	"field": input.agent.serverField,
	"message": sprintf("the control plane's certificate does not cover %q", [_host]),
	"related": [{"message": "the names that the certificate covers", "origin": plane.origin, "field": plane.hostsField} | some plane in _planes],
} if {
	_runs
	count(_planes) > 0
	every plane in _planes {
		plane.hostsState == "found"
		not _covered(plane.certificateHosts)
	}
}

violation contains {
	"field": input.agent.serverField,
	"message": sprintf("%q is exposed on port %s, and the agent connects to port %d", [_host, concat(" or ", [sprintf("%d", [p]) | some p in sort(_ports)]), _port]),
	"related": [{"message": "the exposure", "origin": exposure.origin} | some exposure in _answering],
} if {
	_runs
	count(_ports) > 0
	not _port in _ports
}

violation contains {
	"field": input.agent.serverField,
	"message": sprintf("nothing in Git exposes the control plane as %q", [split(_host, ".")[0]]),
	"severity": "warning",
	"related": [{"message": "an exposure of the control plane", "origin": exposure.origin} | some exposure in _exposures],
} if {
	_runs
	endswith(_host, ".ts.net")
	count(_exposures) > 0
	count(_answering) == 0
	every exposure in _exposures {
		exposure.host != ""
	}
	every plane in _planes {
		not clusters.doubtful(plane.cluster)
	}
}

_runs if {
	input.agent.reached
	not input.agent.suspended
	not contains(input.agent.server, "${")
}

_malformed("") := "the agent has no server address"

_malformed(server) := sprintf("the server address %q is not an https URL", [server]) if {
	server != ""
	not _url[0]
}

_url := regex.find_all_string_submatch_n(`^https://(\[[0-9a-fA-F:]+\]|[^/:\s]+)(?::([0-9]+))?(?:/.*)?$`, input.agent.server, 1)

_host := lower(trim(_url[0][1], "[]"))

_port := to_number(_url[0][2]) if {
	_url[0][2] != ""
} else := 443

# Nothing tells which control plane an agent belongs to, so with several of them one that fits is enough.
_planes := [plane | some plane in data.fleet.controlPlanes]

_covered(hosts) if {
	some host in hosts
	_covers(lower(host))
}

_covers(host) if host == _host

# A variable may stand for anything.
_covers(host) if contains(host, "${")

# A wildcard stands for one label.
_covers(host) if {
	startswith(host, "*.")
	labels := split(_host, ".")
	concat(".", array.slice(labels, 1, count(labels))) == substring(host, 2, -1)
}

_exposures := [exposure |
	some plane in _planes
	some exposure in plane.exposures
]

_answering := [exposure |
	some exposure in _exposures
	_answers(exposure)
]

_answers(exposure) if lower(exposure.host) == _host

_answers(exposure) if {
	exposure.tailscale
	endswith(_host, ".ts.net")
	lower(exposure.host) == split(_host, ".")[0]
}

_ports contains port if {
	some exposure in _answering
	some port in exposure.ports
}
