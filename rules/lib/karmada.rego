# What is known of the Karmada control plane behind an API server.
package lib.karmada

# control_plane is the one in Git that serves the API server of the subject: the one that its kubeconfig leads to, or
# the only one there is. Undefined where Git shows none, or several and no telling which.
control_plane := data.fleet.controlPlanes[_id]

_id := data.fleet.apiServers[input.apiServer].controlPlane if {
	data.fleet.apiServers[input.apiServer].controlPlane != ""
} else := [id | some id, _ in data.fleet.controlPlanes][0] if {
	count(data.fleet.controlPlanes) == 1
}

# minor is y of Karmada's version 1.y; undefined where it is unknown.
minor := to_number(found[0][1]) if {
	found := regex.find_all_string_submatch_n(`^v?1\.(\d+)`, _version, 1)
	count(found) == 1
}

_version := data.fleet.karmadaVersion if {
	data.fleet.karmadaVersion != ""
} else := control_plane.version

# gate is the state of a feature gate of karmada-controller-manager: "found" (on), "missing" (off) or "unknown".
gate(name) := "found" if {
	control_plane.featureGates[name]
} else := "missing" if {
	control_plane.featureGates[name] == false
} else := "unknown" if {
	control_plane.gatesState != "found"
} else := "missing" if {
	name in _off
} else := "unknown"

# Gates that are off by default in every version.
#
# Source: karmada-io/karmada v1.18.2 pkg/features/features.go:171.
_off := {"PropagationPolicyPreemption", "StatefulFailoverInjection"}
