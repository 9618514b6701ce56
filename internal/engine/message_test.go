package engine_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
)

// maxMessage bounds a message, in bytes; a name in it may be long.
const maxMessage = 270

var (
	// A message begins in lower case, with a name or a field, or with the name of a kind or a program.
	begins = regexp.MustCompile(`^([a-z"$]|[A-Z][A-Za-z0-9]* ("|[a-z]|1\.))`)
	// What is not said of a fault in the present tense, or is a remedy.
	conditional = regexp.MustCompile(`(?i)\b(would|should|could|has to|have to|needs? to|did you mean)\b`)
	// Prose of a rule has none of these.
	metaphors = regexp.MustCompile(`(?i)\b(court|docket|roll call|in the clear|mend|held against|stands? in for)\b`)
	quoted    = regexp.MustCompile(`"[^"]*"`)
)

// Every message of an example states a fault, and its fix is an order.
func TestMessages(t *testing.T) {
	data, err := os.ReadFile("../cli/messages.json") // of all examples: TestFresh of gendocs holds it to them
	if err != nil {
		t.Fatal(err)
	}
	var all []example.Message
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	rules := map[string]bool{}
	for _, m := range all {
		rules[m.Rule] = true
		words := quoted.ReplaceAllString(m.Message, `""`)
		switch {
		case !begins.MatchString(m.Message):
			t.Errorf("%s: %q does not begin in lower case or with a name", m.Rule, m.Message)
		case strings.HasSuffix(m.Message, "."), strings.Contains(words, "; ") &&
			!strings.Contains(words, "kustomize cannot"):
			t.Errorf("%s: %q is not one sentence without a period", m.Rule, m.Message)
		case conditional.MatchString(words):
			t.Errorf("%s: %q does not state the fault in the present tense", m.Rule, m.Message)
		case len(m.Message) > maxMessage:
			t.Errorf("%s: %q has %d bytes, more than %d", m.Rule, m.Message, len(m.Message), maxMessage)
		}
		checkFix(t, m.Rule, m.Fix)
	}
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range e.Rules() {
		if !rules[r.ID] {
			t.Errorf("%s: no message", r.ID)
		}
		checkFix(t, r.ID, r.Fix)
		if word := metaphors.FindString(r.Title + "\n" + r.Description); word != "" {
			t.Errorf("%s: title or description has %q", r.ID, word)
		}
	}
}

// checkFix holds a fix to one sentence that begins with a verb.
func checkFix(t *testing.T, rule, fix string) {
	t.Helper()
	first, _, _ := strings.Cut(fix, " ")
	if !slices.Contains(verbs, first) || !strings.HasSuffix(fix, ".") || conditional.MatchString(fix) {
		t.Errorf("%s: the fix %q is not one sentence that begins with a verb", rule, fix)
	}
}

// verbs are those that a fix begins with.
var verbs = strings.Fields(`Add Apply Correct Create Decrypt Edit Enable Encrypt Give Install Issue Let Limit List Lower
	Make Move Name Place Put Read Remove Rename Replace Restore Resume Run Say Select Set Spread Turn Use Watch Write
	Define`)
