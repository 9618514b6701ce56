package lib.members_test

import data.lib.members

_fleet := {
	"membership": {"basis": "tree", "certain": true, "names": ["hub", "ottawa", "robbinsdale", "stpetersburg"]},
	"members": {
		"hub": {"mereHost": true},
		"ottawa": {"mereHost": false},
		"robbinsdale": {"mereHost": false},
		"stpetersburg": {"mereHost": false},
	},
}

test_state if {
	states := {name: state |
		some name in ["hub", "ottawa", "robbinsdale", "stpetersburg", "winnipeg", "${CLUSTER}"]
		state := members.state(name) with data.fleet as _fleet
	}
	states == {
		"hub": "unknown",
		"ottawa": "found",
		"robbinsdale": "found",
		"stpetersburg": "found",
		"winnipeg": "missing",
		"${CLUSTER}": "unknown",
	}
}

test_state_without_members if {
	members.state("ottawa") == "unknown" with data.fleet as {"membership": {"basis": "none"}, "members": {}}
}

test_near if {
	near := {name: member |
		some name in [
			"talos-ottawa", "otawa", "ottawwa", "ottaaw", "Ottawa", "robinsdale", "st-petersburg", "stpetersberg",
			"winnipeg", "hubs", "x",
		]
		member := members.near(name) with data.fleet as _fleet
	}
	near == {
		"talos-ottawa": "ottawa",
		"otawa": "ottawa",
		"ottawwa": "ottawa",
		"ottaaw": "ottawa",
		"Ottawa": "ottawa",
		"robinsdale": "robbinsdale",
		"st-petersburg": "stpetersburg",
		"stpetersberg": "stpetersburg",
		"hubs": "hub",
	}
}

test_misspelt if {
	misspelt := {name: member |
		some name in [
			"otawa", "ottawwa", "otatwa", "ottowa", "Ottawa", "robinsdale", "st-petersburg",
			"talos-ottawa", "ottaxb", "winnipeg", "hubs", "eu-west", "site-b-north", "member2", "site-a-nroth",
		]
		member := members.misspelt(name) with data.fleet as object.union(
			_fleet,
			{"membership": {"names": ["eu-east", "hub", "member1", "ottawa", "robbinsdale", "site-a-north", "stpetersburg"]}},
		)
	}
	misspelt == {
		"otawa": "ottawa",
		"ottawwa": "ottawa",
		"otatwa": "ottawa",
		"ottowa": "ottawa",
		"Ottawa": "ottawa",
		"robinsdale": "robbinsdale",
		"st-petersburg": "stpetersburg",
		"site-a-nroth": "site-a-north",
	}
}

# Of two that are like it neither was certainly meant.
test_misspelt_of_several if {
	not members.misspelt("otawa") with data.fleet as {"membership": {"names": ["ottawa", "otava"]}}
}
