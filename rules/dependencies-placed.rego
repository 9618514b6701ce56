# METADATA
# title: What a workload needs is placed with it
# description: |
#   Karmada brings an object to the members that a policy places it on, and to no other. A ConfigMap, Secret, claim
#   or service account that the pods name goes with them where spec.propagateDeps is true, or where a policy selects
#   it too; else it stays on Karmada's API server, and the pods do not start. The source of a HelmRelease or of a
#   Flux Kustomization is never a dependency, and of a HelmRelease Karmada knows dependencies in the version v2beta1
#   alone. A Namespace goes to all members by itself, but for one with the label
#   namespace.karmada.io/skip-auto-propagation. Where another policy places what is needed, it must do so on each
#   cluster on which the workload may run, after a loss too.
#
#   The rule speaks of what Git has on the same API server, and of no object that Git brings to
#   a cluster by another way.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagate-dependencies
#     description: Propagate dependencies
# custom:
#   severity: warning
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Set spec.propagateDeps to true, or select the object in a policy for the same clusters.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/resourceinterpreter/default/native/dependencies.go:42
#     - karmada-io/karmada v1.18.2 pkg/dependenciesdistributor/dependencies_distributor.go
#     - karmada-io/karmada v1.18.2 pkg/resourceinterpreter/default/thirdparty/resourcecustomizations/helm.toolkit.fluxcd.io
package rules["dependencies-placed"]

import data.lib.objects
import data.lib.placement
import data.lib.pods
import data.lib.policies
import data.lib.variables

violation contains {
	"field": objects.selector_field(i),
	"message": sprintf("no policy places %s %q, which %s %q needs on its clusters", [_short(need.kind), need.name, _short(selected.kind), selected.name]),
	"fix": _fix(need),
	"related": [{"message": "the object that is needed", "origin": found.origin}, {"message": "where it is named", "origin": selected.origin, "field": need.field}],
} if {
	not objects.suspended
	not _refused
	data.fleet.apiServers[input.apiServer].complete
	some i, selection in input.policy.selections
	some selected in selection.objects
	workload := data.fleet.objects[input.apiServer][selected.kind][selected.namespace][selected.name].object
	some need in _needs(selected, workload)
	found := data.fleet.objects[input.apiServer][need.kind][need.namespace][need.name]
	not data.fleet.claims[input.apiServer][need.kind][need.namespace][need.name]
	not policies.open(input.apiServer, need.namespace)
	not _elsewhere(need)
}

violation contains {
	"field": objects.selector_field(i),
	"message": sprintf("no policy places %s %q on %q, where %s %q may run", [_short(need.kind), need.name, min(lacking), _short(selected.kind), selected.name]),
	"fix": _fix(need),
	"related": [{"message": "the object that is needed", "origin": found.origin}, {"message": "where it is named", "origin": selected.origin, "field": need.field}],
} if {
	not objects.suspended
	not _refused
	data.fleet.apiServers[input.apiServer].complete
	count(placement.candidates) > 0
	some i, selection in input.policy.selections
	some selected in selection.objects
	workload := data.fleet.objects[input.apiServer][selected.kind][selected.namespace][selected.name].object
	some need in _needs(selected, workload)
	found := data.fleet.objects[input.apiServer][need.kind][need.namespace][need.name]
	lacking := placement.candidates - _placed_on(need)
	count(lacking) > 0
	not policies.open(input.apiServer, need.namespace)
	not _elsewhere(need)
}

# The clusters that the policies which claim an object allow; undefined where one of them may allow others.
_placed_on(need) := union({placement.candidates_of(_placement(claim)) | some claim in claims}) if {
	claims := data.fleet.claims[input.apiServer][need.kind][need.namespace][need.name]
	every claim in claims {
		placement.candidates_of(_placement(claim))
	}
}

_placement(claim) := data.fleet.objects[input.apiServer][sprintf("%s.policy.karmada.io", [claim.kind])][claim.namespace][claim.name].object.spec.placement

# Karmada refuses application failover without propagateDeps.
_refused if input.object.spec.failover.application

# Karmada brings a Namespace to all members by itself, but not one with the label that keeps it from that.
_needs(selected, workload) := _dependencies(selected, workload) | {need |
	labels := data.fleet.objects[input.apiServer].Namespace[""][selected.namespace].object.metadata.labels
	lower(labels["namespace.karmada.io/skip-auto-propagation"]) == "true"
	need := {"kind": "Namespace", "namespace": "", "name": selected.namespace, "field": ["metadata", "namespace"]}
}

# Dependencies of pods come along with propagateDeps, sources do not.
_dependencies(selected, workload) := {{"kind": use.kind, "namespace": selected.namespace, "name": use.name, "field": use.field} |
	some use in pods.uses(workload)
	not variables.stand_in(use.name)
} if {
	selected.kind in _podded
	not input.object.spec.propagateDeps
} else := _sources(workload) if {
	selected.kind in {"HelmRelease.helm.toolkit.fluxcd.io", "Kustomization.kustomize.toolkit.fluxcd.io"}
} else := set()

_podded := {"Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "ReplicaSet.apps", "Job.batch", "CronJob.batch", "Pod"}

_sources(release) := {source |
	some field in [["spec", "sourceRef"], ["spec", "chartRef"], ["spec", "chart", "spec", "sourceRef"]]
	ref := object.get(release, field, null)
	is_object(ref)
	not variables.stand_in(ref)
	source := {
		"kind": sprintf("%s.source.toolkit.fluxcd.io", [ref.kind]),
		"namespace": object.get(ref, "namespace", release.metadata.namespace),
		"name": ref.name,
		"field": array.concat(field, ["name"]),
	}
}

# Another API server has it from Git too, such as a member from its own Flux.
_elsewhere(need) if {
	some server, kinds in data.fleet.objects
	server != input.apiServer
	kinds[need.kind][need.namespace][need.name]
}

_fix(need) := "Select the source in a policy for the same clusters." if {
	endswith(need.kind, ".source.toolkit.fluxcd.io")
} else := "Remove the label from the Namespace, or select it in a ClusterPropagationPolicy for the same clusters." if {
	need.kind == "Namespace"
} else := "Set spec.propagateDeps to true, or select the object in a policy for the same clusters."

_short(kind) := split(kind, ".")[0]
