// Package page writes a fleet as one HTML file that asks nobody for anything: the map, where the policies place
// replicas and where after the loss of members, the findings, and what was followed.
package page

import (
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/picture"
)

//go:embed page.html
var document string

//go:embed page.css
var style string

//go:embed page.js
var script string

// Policy is a policy with one of its workloads. Answers is the index of its table among the page's: policies of which
// the same becomes share one; -1 where it was left out.
type Policy struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Workload  string   `json:"workload"`
	Members   []string `json:"members"`
	Answers   int      `json:"answers"`
}

// Answer is what becomes of a workload once members are lost, in this order; none of them is the healthy fleet.
type Answer struct {
	Lost     []string       `json:"lost"`
	Replicas map[string]int `json:"replicas"`
	Outcome  string         `json:"outcome"`
	Why      string         `json:"why,omitempty"`
}

// data is what the page's script shows.
type data struct {
	Map      picture.Picture `json:"map"`
	Policies []Policy        `json:"policies"`
	LeftOut  int             `json:"leftOut"`
	Answers  [][]Answer      `json:"answers"`
	// Report is what "-o json" writes.
	Report json.RawMessage `json:"report"`
}

// maxAnswers bounds the answers of a page; further policies show only where they are while all members are healthy.
const maxAnswers = 20_000

// Write writes the page of a fleet with its findings; report is them as JSON.
func Write(w io.Writer, f *fleet.Fleet, findings []fleet.Finding, report []byte) error {
	d := data{Map: picture.Of(f, findings), Policies: []Policy{}, Answers: [][]Answer{}, Report: report}
	survey := failover.Survey(f, failover.Question{Policies: failover.Policies(f), Most: picture.MaxPolicies})
	d.Map.Policies, d.LeftOut = []picture.Policy{}, survey.LeftOut // the matrix has them
	tables, total := map[string]int{}, 0
	for _, r := range survey.Policies {
		p := Policy{Namespace: r.Policy.Namespace, Name: r.Policy.Name, Members: append([]string{}, r.Members...),
			Answers: -1}
		if r.Workload != nil {
			p.Workload = r.Workload.Name
		}
		answers := answersOf(r, total < maxAnswers)
		key, err := json.Marshal(answers)
		if err != nil {
			return err
		}
		at, known := tables[string(key)]
		if !known {
			at, total = len(d.Answers), total+len(answers)
			tables[string(key)] = at
			d.Answers = append(d.Answers, answers)
		}
		p.Answers = at
		d.Policies = append(d.Policies, p)
	}
	island, err := bounded(d)
	if err != nil {
		return err
	}
	page := strings.NewReplacer("{{style-hash}}", hash(style), "{{script-hash}}", hash(script), "{{style}}", style,
		"{{script}}", script,
		"{{data}}", island).Replace(document)
	_, err = io.WriteString(w, page)
	return err
}

// maxText bounds a text of a page, in characters.
const maxText = 500

// bounded is the data as JSON, with <, > and & escaped, and with long texts cut off.
func bounded(d data) (string, error) {
	whole, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	var value any
	if err := json.Unmarshal(whole, &value); err != nil {
		return "", err
	}
	cut, err := json.Marshal(cutTexts(value))
	return string(cut), err
}

func cutTexts(value any) any {
	switch value := value.(type) {
	case string:
		return cutText(value)
	case []any:
		for i := range value {
			value[i] = cutTexts(value[i])
		}
	case map[string]any:
		cut := make(map[string]any, len(value))
		for key, inner := range value {
			cut[cutText(key)] = cutTexts(inner)
		}
		return cut
	}
	return value
}

func cutText(text string) string {
	if r := []rune(text); len(r) > maxText {
		return string(r[:maxText]) + "…"
	}
	return text
}

// answersOf are the answers of a report: all of them, or the one of the healthy fleet.
func answersOf(r failover.Report, all bool) []Answer {
	answers := []Answer{}
	for _, s := range r.Scenarios {
		if all || len(s.Lost) == 0 {
			answers = append(answers, Answer{append([]string{}, s.Lost...), s.Replicas, string(s.Outcome), s.Why})
		}
	}
	return answers
}

// hash is what a Content-Security-Policy calls a text by.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("sha256-%s", base64.StdEncoding.EncodeToString(sum[:]))
}
