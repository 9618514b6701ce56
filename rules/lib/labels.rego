# Label selectors, as Kubernetes has them.
package lib.labels

# match: the labels have all that a selector asks for; an empty one asks for nothing.
match(labels, selector) if {
	every key, value in object.get(selector, "matchLabels", {}) {
		labels[key] == value
	}
	every expression in object.get(selector, "matchExpressions", []) {
		_meets(labels, expression)
	}
}

_meets(labels, {"key": key, "operator": "In", "values": values}) if labels[key] in values

_meets(labels, {"key": key, "operator": "NotIn", "values": values}) if not object.get(labels, key, null) in values

_meets(labels, expression) if {
	expression.operator == "Exists"
	_ := labels[expression.key]
}

_meets(labels, expression) if {
	expression.operator == "DoesNotExist"
	not expression.key in object.keys(labels)
}
