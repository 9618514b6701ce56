package engine

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

func TestExceptions(t *testing.T) {
	files := map[string]string{
		"r.rego":   regoFile("r", "Secret", `violation contains {"message": input.object.name} if input.object`),
		"off.rego": regoFile("off", "Secret", `violation contains {"message": "never"} if input.object`),
		"exception.rego": regoFile("exception", "Exception", `
violation contains {"message": sprintf("known %v used %d", [input.exception.known, input.exception.used])} if {
	input.exception.reason != "silent"
}`),
	}
	inDocument := func(name, file string, document int) fleet.Subject {
		s := plainSecret("c", name, file)
		s.Origin.Document = document
		return s
	}
	subjects := []fleet.Subject{
		inDocument("first", "comment.yaml", 0), inDocument("second", "comment.yaml", 1),
		inDocument("kept", "annotation.yaml", 0), inDocument("excepted", "annotation.yaml", 1),
	}
	f := &fleet.Fleet{Files: map[string]fleet.File{
		"comment.yaml": {Exceptions: []fleet.Exception{
			{Rule: "r", Document: -1, Line: 1, Column: 3},
			{Rule: "off", Document: -1, Line: 2, Column: 1},
			{Rule: "exception", Document: -1, Line: 3, Column: 1}, // does not except findings about exceptions
		}},
		"annotation.yaml": {Exceptions: []fleet.Exception{
			{Rule: "r", Document: 1, Line: 9, Column: 5},
			{Rule: "r", Document: 1, Line: 10, Column: 5, Reason: "silent"},
			{Rule: "rr", Document: 0, Line: 4, Column: 5},
		}},
	}}
	found, err := mustEngine(t, map[string]fleet.Severity{"off": fleet.Off}, files).check(t.Context(), f, subjects)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		p := f.Place
		got = append(got, fmt.Sprintf("%s:%d %d:%d %s %s", p.File, p.Document, p.Line, p.Column, f.Rule, f.Message))
	}
	want := []string{
		"annotation.yaml:0 0:0 r kept",
		"annotation.yaml:0 4:5 exception known false used 0",
		"annotation.yaml:1 9:5 exception known true used 1",
		"comment.yaml:-1 1:3 exception known true used 2",
		"comment.yaml:-1 2:1 exception known true used -1",
		"comment.yaml:-1 3:1 exception known true used 0",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
