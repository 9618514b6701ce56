# Policies that place objects of a namespace.
package lib.policies

import data.lib.variables

# open: a policy may select more in the namespace of an API server than Git shows: it has a variable, or selects what Git does not have.
open(server, namespace) if {
	some name, policy in data.fleet.objects[server]["PropagationPolicy.policy.karmada.io"][namespace]
	_open(sprintf("%s/PropagationPolicy/%s/%s", [server, namespace, name]), policy)
}

open(server, _) if {
	some namespace, policies in data.fleet.objects[server]["ClusterPropagationPolicy.policy.karmada.io"]
	some name, policy in policies
	_open(concat("/", [part | some part in [server, "ClusterPropagationPolicy", namespace, name]; part != ""]), policy)
}

_open(_, policy) if variables.stand_in(policy.object.spec)

_open(id, _) if {
	some selection in data.fleet.policies[id].selections
	selection.state != "found"
}
