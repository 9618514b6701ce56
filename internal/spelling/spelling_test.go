package spelling

import "testing"

func TestDidYouMean(t *testing.T) {
	known := []string{"policy-names-members", "member-has-agent", "secret-encrypted", "members", "rules"}
	for name, want := range map[string]string{
		"member":               `; did you mean "members" or "member-has-agent" or "policy-names-members"?`,
		"policy-name-members":  `; did you mean "policy-names-members"?`,
		"rule":                 `; did you mean "rules"?`,
		"encrypted":            `; did you mean "secret-encrypted"?`,
		"":                     "",
		"x":                    "",
		"something-else-whole": "",
	} {
		if got := DidYouMean(name, known); got != want {
			t.Errorf("DidYouMean(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"ab", "ba", 2}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
