# METADATA
# title: Every member of the fleet has a karmada-agent that Flux applies
# description: |
#   A member in pull mode exists for Karmada only as long as its agent runs: without one nothing is scheduled there, and
#   nothing fails over to it. The agent must be reachable from the entry point of the member's own Flux cluster, must
#   not be suspended, and must register the member's name. It is an error where the configuration lists the member or
#   Git shows everything. Otherwise it is a warning: the member may have been joined by hand, or a path with a variable
#   that is not in Git, or a ResourceSet, may lead to an agent. Sources and bases on other servers do not count as a
#   doubt. For a Flux cluster that no policy, agent, Cluster or configuration names it is a warning at most: the cluster
#   may have nothing to do with Karmada. Members in push mode need no agent, and the cluster that hosts the control
#   plane need not be a member.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/clustermanager/cluster-registration
#     description: Cluster registration
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Member
#   fix: Let the Flux of the member's own cluster apply a karmada-agent that registers the member's name.
#   source:
#     - karmada-io/karmada v1.18.2 charts/karmada/templates/karmada-agent.yaml
#     - karmada-io/karmada v1.18.2 pkg/controllers/cluster/cluster_controller.go:514
package rules["member-has-agent"]

import data.lib.clusters
import data.lib.variables

violation contains object.union(_place, {"message": message, "severity": _severity, "fix": _fix}) if {
	_expected
	message := sprintf("%s: %s", [_what, _why])
}

# Karmada knows it, so whatever registered it is not in Git.
_what := sprintf("no agent in Git registers the member %q of Karmada", [_member.name]) if {
	_member.live
} else := sprintf("member %q has no running karmada-agent", [_member.name])

_member := input.member

_expected if {
	_member.mode != "Push"
	not variables.stand_in(_member.mode)
	not _member.mereHost
	count(_member.agents) == 0
	count(_member.unnamed) == 0
}

# The nearest thing to an agent that there is: one that is held back, one that registers another name, one that nothing
# reconciles.
_case := "suspended" if {
	count(_member.suspended) > 0
} else := "misnamed" if {
	count(_member.misnamed) > 0
} else := "stray" if {
	count(_member.stray) > 0
} else := "none"

_agent := data.fleet.agents[_member[_case][0]]

_why := "the one in Git is suspended or has no replicas" if {
	_case == "suspended"
	_agent.kind == "Deployment"
} else := "the one in Git is suspended" if {
	_case == "suspended"
} else := "the one in its cluster registers no name" if {
	_case == "misnamed"
	_agent.name == ""
} else := sprintf("the one in its cluster registers the name %q", [_agent.name]) if {
	_case == "misnamed"
} else := sprintf("Git shows nothing that applies the one in %q", [_agent.origin.file]) if {
	_case == "stray"
	_doubt
} else := sprintf("nothing applies the one in %q, and a path or a resource of its cluster does not exist", [_agent.origin.file]) if {
	_case == "stray"
	count(_astray) > 0
} else := sprintf("this file does not list the one in %q", [_agent.origin.file]) if {
	_lists
} else := "no kustomization.yaml that Flux reads lists the one in Git" if {
	_case == "stray"
} else := "Git shows none, and does not show all that its Flux applies" if {
	_doubt
} else := "there is none in Git"

default _fix := "Let the Flux of the member's own cluster apply a karmada-agent that registers the member's name."

_fix := "Resume the agent, and give it a replica." if _case == "suspended"

_fix := "Let the agent register the member's name." if _case == "misnamed"

_fix := "List the agent in a kustomization.yaml that Flux reads." if {
	_case == "stray"
	count(_astray) == 0
}

_fix := "Correct the path or the resource that does not exist." if {
	_case == "stray"
	count(_astray) > 0
}

_place := {"origin": _agent.origin, "field": ["spec", "replicas"]} if {
	_case == "suspended"
	_agent.kind == "Deployment"
} else := {"origin": _agent.origin, "field": ["spec", "suspend"]} if {
	_case == "suspended"
} else := {"origin": _agent.origin, "field": _agent.nameField} if {
	_case == "misnamed"
} else := {
	"origin": {"file": _agent.listIn, "document": 0},
	"field": ["resources"],
	"related": array.concat([{"message": "the agent", "origin": _agent.origin}], _astray),
	"edits": [{"field": ["resources", "-"], "value": _agent.listAs} | _agent.listAs != ""; count(_member.stray) == 1],
} if {
	_lists
} else := {"origin": _agent.origin} if {
	_case == "stray"
} else := {"origin": _member.origin, "field": ["metadata", "name"]}

_lists if {
	_case == "stray"
	_agent.listIn != ""
}

# What the member's Flux cluster reconciles, and nobody knows whether an agent is among it.
_doubt if {
	_case in {"stray", "none"}
	clusters.doubtful(_member.fluxCluster)
}

# What leads nobody knows where, or nowhere.
_astray := [{"message": unknown.why, "origin": unknown.origin} |
	some unknown in data.fleet.clusters[_member.fluxCluster].incomplete
	unknown.kind in {"path", "absent"}
]

default _severity := "warning"

_severity := "error" if {
	_certain
	_named
	not _by_hand
	not _doubt
}

# A Flux cluster that nothing names may have nothing to do with Karmada.
_named if _member.declared

_named if _member.registered

_named if _case != "none"

_named if _member.name in data.fleet.failoverOrder

_named if {
	some server, _ in data.fleet.apiServers
	some kind in ["PropagationPolicy", "ClusterPropagationPolicy", "OverridePolicy", "ClusterOverridePolicy", "ClusterTaintPolicy"]
	some policy in data.fleet.objects[server][sprintf("%s.policy.karmada.io", [kind])][_]
	walk(policy.object.spec, [path, _member.name])
	some step in path
	step in {"clusterNames", "exclude"}
}

_by_hand if {
	_member.live
	not _member.declared
}

_certain if _member.declared

_certain if data.fleet.membership.certain

_certain if {
	_member.registered
	_member.mode == "Pull"
	count(data.fleet.controlPlanes) > 0
	count(data.fleet.agents) > 0
}
