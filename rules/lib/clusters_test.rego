package lib.clusters_test

import data.lib.clusters

test_doubtful if {
	every kind in ["path", "file", "producer", "object", "spec"] {
		clusters.doubtful("a") with data.fleet.clusters as {"a": {"incomplete": [{"kind": "source"}, {"kind": kind}]}}
	}
}

test_not_doubtful if {
	not clusters.doubtful("a") with data.fleet.clusters as {"a": {"incomplete": [{"kind": "source"}, {"kind": "absent"}]}}
	not clusters.doubtful("b") with data.fleet.clusters as {"a": {"incomplete": [{"kind": "path"}]}}
}
