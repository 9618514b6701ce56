# The members of the fleet, by name.
package lib.members

import data.lib.labels
import data.lib.variables

# state is "found", "missing" or "unknown". Nothing is known of a name with a variable in it, of a fleet without
# members, and of the cluster that hosts the control plane without an agent: it need not be a member.
state(name) := "unknown" if {
	contains(name, "${")
} else := "unknown" if {
	data.fleet.membership.basis == "none"
} else := "missing" if {
	not data.fleet.members[name]
} else := "unknown" if {
	data.fleet.members[name].mereHost
} else := "found"

# matching are the members that a cluster affinity chooses; undefined where a member may match that Git does not show.
#
# Source: karmada-io/karmada v1.18.2 pkg/util/selector.go:97 (ClusterMatches).
matching(affinity) := {name |
	some name, member in data.fleet.members
	_named(affinity, name)
	labels.match(member.labels, object.get(affinity, "labelSelector", {}))
} if {
	data.fleet.membership.certain
	object.get(affinity, "fieldSelector", null) == null
	not variables.stand_in(affinity)
	_labels_known(affinity)
}

_labels_known(affinity) if object.get(affinity, "labelSelector", null) == null

# An agent registers a cluster without labels, and somebody may add them.
_labels_known(affinity) if {
	is_object(affinity.labelSelector)
	every member in data.fleet.members {
		member.registered
		not variables.stand_in(member.labels)
	}
}

_named(affinity, name) if {
	not name in object.get(affinity, "exclude", [])
	name in object.get(affinity, "clusterNames", [name])
}

_named(affinity, name) if {
	not name in object.get(affinity, "exclude", [])
	count(affinity.clusterNames) == 0
}

# severity of what rests on a name that is no member's: a member may have been joined by hand where Git leaves a doubt.
severity := "error" if {
	data.fleet.membership.certain
} else := "warning"

# near is a member's name that may have been meant; undefined where none is like it.
near(name) := min(_near(name))

_near(name) := {m | some m in data.fleet.membership.names; _alike(lower(name), m)}

# misspelt is the member's name that was certainly meant; undefined where that is not certain. No other is like it, and
# only the separators differ, or a slip of the pen in one word that is long enough to tell: "site-a" and "site-b" are
# two clusters, and so are "member1" and "member2".
misspelt(name) := meant if {
	count(_near(name)) == 1
	some meant in _near(name)
	_digits(name) == _digits(meant)
	_slip(lower(name), meant)
}

_slip(a, b) if _plain(a) == _plain(b)

_slip(a, b) if {
	words := split(b, "-")
	differing := [[word, words[i]] | some i, word in split(a, "-"); word != words[i]]
	count(words) == count(split(a, "-"))
	count(differing) == 1
	some [wrong, right] in differing
	min({count(wrong), count(right)}) > 4
	_one_slip(wrong, right)
}

_one_slip(a, b) if _drops_to(a, b)

_one_slip(a, b) if _drops_to(b, a)

# One letter is another one, or two have changed places.
_one_slip(a, b) if count(_differing(a, b)) == 1

_one_slip(a, b) if {
	differing := _differing(a, b)
	differing == [differing[0], differing[0] + 1]
	sort(split(a, "")) == sort(split(b, ""))
}

_differing(a, b) := [i | some i, letter in split(a, ""); letter != letters[i]] if {
	count(a) == count(b)
	letters := split(b, "")
}

_digits(s) := regex.replace(s, `\D`, "")

# One holds the other: "talos-ottawa" and "ottawa".
_alike(a, b) if {
	count(b) > 3
	contains(a, b)
}

_alike(a, b) if {
	count(a) > 3
	contains(b, a)
}

# Two letters that differ, among them two that changed places.
_alike(a, b) if {
	differing := count(_differing(a, b))
	differing <= 2
	differing * 3 <= count(a)
}

# One letter too many or too few, and separators: "st-petersburg" and "stpetersburg".
_alike(a, b) if _plain(a) == _plain(b)

_alike(a, b) if {
	count(a) == count(b) + 1
	_drops_to(a, b)
}

_alike(a, b) if {
	count(b) == count(a) + 1
	_drops_to(b, a)
}

_plain(s) := regex.replace(s, `[-_. ]`, "")

_drops_to(long, short) if {
	some i in numbers.range(0, count(long) - 1)
	concat("", [substring(long, 0, i), substring(long, i + 1, -1)]) == short
}
