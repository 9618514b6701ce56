# What the subject names: Secrets and ConfigMaps that something makes, and other objects.
package lib.references

import data.lib.objects

# judged: Flux applies the subject, and goes by what it names.
judged if {
	data.fleet.clusters[input.cluster].declared
	not objects.suspended
	not input.object.spec.suspend
}

# read_by_flux: it is judged, and is on the API server that Flux itself reads.
read_by_flux if {
	input.apiServer == input.cluster
	judged
}

# namespace is the one of the subject.
namespace := object.get(input.object.metadata, "namespace", "default")

# complete: Git shows all that Flux brings to the cluster.
complete if {
	count(data.fleet.clusters[input.cluster].incomplete) == 0
	not remote_file
}

# remote_file: a single file on another server makes no cluster incomplete, but may well be of what is looked for.
remote_file if {
	some kustomization in data.fleet.kustomizations
	kustomization.cluster == input.cluster
	some unknown in kustomization.incomplete
	unknown.kind == "remote-file"
}

# product is what makes a Secret or ConfigMap of a name, as the namespace sees it.
product(kind, space, name) := [made |
	some seen in [space, "*", ""]
	made := data.fleet.products[input.apiServer][kind][seen][name]
	not made.hashed
][0]

# state of a Secret or ConfigMap: "found", "hashed" (a generator gives it another name, which ends in a hash), "near"
# (the namespace has one of nearly that name), "elsewhere" (only other namespaces have one of that name), "missing"
# (nothing in Git makes it), or "unknown".
state(kind, space, name) := "unknown" if {
	contains(concat("", [space, name]), "${")
} else := "found" if {
	product(kind, space, name)
} else := "hashed" if {
	data.fleet.products[input.apiServer][kind][space][name].hashed
} else := "hashed" if {
	data.fleet.products[input.apiServer][kind][space][regex.replace(name, `-[2456789bcdfghkmt]{10}$`, "")]
	regex.match(`-[2456789bcdfghkmt]{10}$`, name)
} else := "near" if {
	near(kind, space, name)
} else := "elsewhere" if {
	elsewhere(kind, name)
} else := "missing"

# elsewhere is the first of the namespaces that have a Secret or ConfigMap of that name.
elsewhere(kind, name) := min({other |
	some other, names in data.fleet.products[input.apiServer][kind]
	made := names[name]
	made.by
	not made.hashed
	not contains(other, "$")
})

# near is the first Secret or ConfigMap of the namespace whose name differs by a letter, by two that are
# interchanged or by a separator.
near(kind, space, name) := min({other |
	count(name) > 5
	some other, made in data.fleet.products[input.apiServer][kind][space]
	abs(count(other) - count(name)) < 2
	_nearly(other, name)
	not made.hashed
})

_nearly(a, b) if _plain(a) == _plain(b)

_nearly(a, b) if {
	_share_a_half(a, b)
	front := max({i | some i in numbers.range(0, count(a)); startswith(b, substring(a, 0, i))})
	c := substring(a, front, -1)
	d := substring(b, front, -1)
	not regex.match(`^[0-9]`, c)
	not regex.match(`^[0-9]`, d)
	_differ_at_start(c, d)
}

# Where one place differs, the names are the same before their middle or after it.
_share_a_half(a, b) if startswith(b, substring(a, 0, floor(count(a) / 2) - 1))

_share_a_half(a, b) if endswith(b, substring(a, floor(count(a) / 2) + 1, -1))

_plain(name) := lower(regex.replace(name, `[-_.]`, ""))

_differ_at_start(c, d) if substring(c, 1, -1) == d

_differ_at_start(c, d) if substring(d, 1, -1) == c

_differ_at_start(c, d) if substring(c, 1, -1) == substring(d, 1, -1)

_differ_at_start(c, d) if {
	substring(c, 2, -1) == substring(d, 2, -1)
	substring(c, 0, 1) == substring(d, 1, 1)
	substring(c, 1, 1) == substring(d, 0, 1)
}

# shown is the name of a Secret or ConfigMap without the hash that a generator has put behind it.
shown(kind, space, name) := plain if {
	plain := regex.replace(name, `-[2456789bcdfghkmt]{10}$`, "")
	data.fleet.products[input.apiServer][kind][space][plain].hashed
} else := name

# exists: the object is on the API server, as far as Git shows, or Flux has started from it.
exists(server, group_kind, space, name) if data.fleet.objects[server][group_kind][space][name].id

exists(server, group_kind, space, name) if {
	[kind, "source.toolkit.fluxcd.io"] = split_kind(group_kind)
	started_from(concat("/", [kind, space, name]))
	server == input.cluster
}

# And so they do the Kustomization, by the name of the source.
exists(server, "Kustomization.kustomize.toolkit.fluxcd.io", space, name) if {
	some kustomization in data.fleet.kustomizations
	kustomization.cluster == server
	kustomization.local
	endswith(kustomization.source, concat("/", ["", space, name]))
}

exists(server, "Kustomization.kustomize.toolkit.fluxcd.io", "flux-system", "flux-system") if {
	some kustomization in data.fleet.kustomizations
	kustomization.cluster == server
	kustomization.implicit
}

# One whose name has a variable may be the one.
exists(server, group_kind, _, _) if {
	some space, names in data.fleet.objects[server][group_kind]
	some name, _ in names
	contains(concat("", [space, name]), "$")
}

# split_kind parts "Kind.group".
split_kind(group_kind) := [parts[0], concat(".", array.slice(parts, 1, count(parts)))] if parts := split(group_kind, ".")

# started_from: flux bootstrap and the Flux Operator make the source that they start from themselves; it is called "Kind/namespace/name".
started_from(source) if {
	some kustomization in data.fleet.kustomizations
	kustomization.cluster == input.cluster
	kustomization.local
	kustomization.source == source
}

# fix tells what to do where an object is missing: that of another namespace may be meant.
fix(server, group_kind, space, name) := sprintf("Correct the namespace to %q, or let Flux apply the %s.", [min(others), split(group_kind, ".")[0]]) if {
	others := {other | data.fleet.objects[server][group_kind][other][name].id; other != space}
	count(others) > 0
} else := sprintf("Correct the name and namespace, or let Flux apply the %s.", [split(group_kind, ".")[0]])

# absent says that something is not there, as surely as Git tells, by its kind and "namespace/name".
absent(kind, id) := sprintf("there is no %s %q in this Flux cluster", [kind, id]) if {
	complete
} else := sprintf("there is no %s %q in Git, which does not show all of this Flux cluster", [kind, id])

# patches_unknown: objects were read without some of what their patches say.
patches_unknown if {
	some unknown in data.fleet.clusters[input.cluster].incomplete
	unknown.kind in {"build", "object"}
}

# open: something in a namespace may make what Git does not show: a chart, or a controller that is not known.
open(space) if {
	some seen in [space, "*"]
	some kind, _ in data.fleet.makers[input.apiServer][seen]
	not endswith(kind, "RoleBinding.rbac.authorization.k8s.io")
}

# open_to_pods: and so may a pod that has rights at the API server.
open_to_pods(space) if {
	some seen in [space, "*"]
	count(data.fleet.makers[input.apiServer][seen]) > 0
}

open_to_pods(space) if startswith(space, "kube-")

# config are the Secrets and ConfigMaps that an object of Flux names: {"field", "kind", "name", "keys", "optional"}. One
# of the keys must be there; none where Flux takes any.
config contains _named(["spec", "kubeConfig", "secretRef"], "Secret", ref.name, _kubeconfig(ref)) if {
	ref := input.object.spec.kubeConfig.secretRef
}

_kubeconfig(ref) := [ref.key] if {
	ref.key != ""
} else := ["value", "value.yaml"]

config contains _named(["spec", "kubeConfig", "configMapRef"], "ConfigMap", input.object.spec.kubeConfig.configMapRef.name, [])

config contains _named(["spec", "secretRef"], "Secret", input.object.spec.secretRef.name, [key | key := "token"; input.object.kind == "Receiver"])

config contains _named(["spec", "certSecretRef"], "Secret", input.object.spec.certSecretRef.name, [])

config contains _named(["spec", "proxySecretRef"], "Secret", input.object.spec.proxySecretRef.name, [])

config contains _named(["spec", "verify", "secretRef"], "Secret", input.object.spec.verify.secretRef.name, [])

config contains _named(["spec", "chart", "spec", "verify", "secretRef"], "Secret", input.object.spec.chart.spec.verify.secretRef.name, [])

config contains _listed(["spec", "valuesFrom", i], ref, [object.get(ref, "valuesKey", "values.yaml")]) if {
	some i, ref in input.object.spec.valuesFrom
	not ref.literal
}

config contains _listed(["spec", "postBuild", "substituteFrom", i], ref, []) if {
	some i, ref in input.object.spec.postBuild.substituteFrom
}

_named(field, kind, name, keys) := {"field": array.concat(field, ["name"]), "kind": kind, "name": name, "keys": keys, "optional": false} if {
	is_string(name)
}

_listed(field, ref, keys) := {
	"field": array.concat(field, ["name"]),
	"kind": ref.kind,
	"name": ref.name,
	"keys": keys,
	"optional": object.get(ref, "optional", false),
} if {
	ref.kind in {"Secret", "ConfigMap"}
	is_string(ref.name)
}
