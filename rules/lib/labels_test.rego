package lib.labels_test

import data.lib.labels

_labels := {"app": "web", "tier": "front"}

test_match if {
	every selector in [
		{},
		{"matchLabels": {"app": "web"}},
		{"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "web"]}]},
		{"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["api"]}]},
		{"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["east"]}]},
		{"matchExpressions": [{"key": "tier", "operator": "Exists"}]},
		{"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]},
	] {
		labels.match(_labels, selector)
	}
}

test_no_match if {
	every selector in [
		{"matchLabels": {"app": "api"}},
		{"matchLabels": {"app": "web", "zone": "east"}},
		{"matchExpressions": [{"key": "app", "operator": "In", "values": ["api"]}]},
		{"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]},
		{"matchExpressions": [{"key": "zone", "operator": "Exists"}]},
		{"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
	] {
		not labels.match(_labels, selector)
	}
}
