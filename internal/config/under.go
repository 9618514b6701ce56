package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// Under is what a change's configuration says of the fleet, with what the base's says of how it is judged: a change has
// no say in its own checks. Its members, clusters, sources, order and version are facts, and its own.
func (c Config) Under(base Config) Config {
	c.Rules, c.rules = base.Rules, base.rules
	c.MinFollowed, c.Baseline, c.known = base.MinFollowed, base.Baseline, base.known
	c.RulePaths, c.Exclude, c.Recipients, c.Exceptions = base.RulePaths, base.Exclude, base.Recipients, base.Exceptions
	return c
}

// Relaxes are sentences on what the configuration allows and the base's does not.
func (c Config) Relaxes(base Config) (lines []string) {
	for _, rule := range slices.Sorted(maps.Keys(c.Rules)) {
		if now, before := c.Rules[rule], base.Rules[rule]; now != before && now != fleet.Error {
			lines = append(lines, fmt.Sprintf("the rule %q is %s", secret.Name(rule), now))
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(base.Rules)) {
		if c.Rules[rule] == "" && base.Rules[rule] == fleet.Error {
			lines = append(lines, fmt.Sprintf("the rule %q is no longer %s", secret.Name(rule), base.Rules[rule]))
		}
	}
	for _, glob := range c.Exclude {
		if !slices.Contains(base.Exclude, glob) {
			lines = append(lines, fmt.Sprintf("%q is excluded", secret.Name(glob)))
		}
	}
	for _, folder := range base.RulePaths {
		if !slices.Contains(c.RulePaths, folder) {
			lines = append(lines, fmt.Sprintf("the rules in %q do not run", secret.Name(folder)))
		}
	}
	if !slices.EqualFunc(c.Recipients, base.Recipients, func(a, b Recipients) bool {
		return slices.Equal(a.Paths, b.Paths) && slices.Equal(a.Keys, b.Keys)
	}) {
		lines = append(lines, "other recipients are allowed")
	}
	if c.MinFollowed < base.MinFollowed {
		lines = append(lines, fmt.Sprintf("%d %% of the Kustomizations must be followed, and not %d %%", c.MinFollowed,
			base.MinFollowed))
	}
	for _, x := range c.Exceptions {
		if !slices.ContainsFunc(base.Exceptions, x.equal) {
			lines = append(lines, fmt.Sprintf("an exception from the rule %q", secret.Name(x.Rule)))
		}
	}
	if n := c.moreKnown(base); n > 0 {
		lines = append(lines, fmt.Sprintf("the baseline has %d more", n))
	}
	lines = append(lines, c.Admission.relaxes(base.Admission)...)
	return lines
}

// equal tells whether both allow the same for as long.
func (x Exception) equal(other Exception) bool {
	return x.Rule == other.Rule && x.Until == other.Until && x.Severity == other.Severity && slices.Equal(x.Paths, other.Paths) &&
		slices.Equal(x.Clusters, other.Clusters) &&
		slices.Equal(x.Objects, other.Objects)
}

func (a Admission) relaxes(base Admission) (lines []string) {
	if before, now := base.ModeOf(""), a.ModeOf(""); before != now && now != Enforce {
		lines = append(lines, fmt.Sprintf("at admission the mode is %s", now))
	}
	for _, rule := range slices.Sorted(maps.Keys(a.Rules)) {
		if now := a.Rules[rule]; now != base.ModeOf(rule) && now != Enforce {
			lines = append(lines, fmt.Sprintf("at admission the rule %q is %s", secret.Name(rule), now))
		}
	}
	for _, list := range []struct {
		what        string
		now, before []string
	}{
		{"namespace", a.Exempt.Namespaces, base.Exempt.Namespaces},
		{"user", a.Exempt.Users, base.Exempt.Users},
		{"group", a.Exempt.Groups, base.Exempt.Groups},
	} {
		for _, name := range list.now {
			if !slices.Contains(list.before, name) {
				lines = append(lines, fmt.Sprintf("at admission the %s %q is exempt", list.what, secret.Name(name)))
			}
		}
	}
	return lines
}
