package resourceset

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	sprig "github.com/go-task/slim-sprig/v3"
	"github.com/gosimple/slug"
	sigsyaml "sigs.k8s.io/yaml"
)

const (
	// maxTemplate bounds a template in characters, maxActions the actions in it: each may stand in another.
	maxTemplate = 1 << 20
	maxActions  = 10_000
	// maxDepth bounds how deep values lie in values.
	maxDepth = 50
)

// errLimit: a template asks for more than this program gives.
var errLimit = errors.New("the ResourceSet asks for more work than is done here")

// Budget is how much may still be done: characters, values, and steps, each of which counts as stepWork.
type Budget struct{ left int }

// NewBudget is that of one cluster.
func NewBudget() *Budget { return &Budget{maxWork} }

const stepWork = 16

func (b *Budget) take(n int) error {
	if b.left -= n; b.left < 0 || n < 0 {
		b.left = -1
		return errLimit
	}
	return nil
}

// must is take within a function of a template, which turns a panic into an error.
func (b *Budget) must(n int) {
	if err := b.take(n); err != nil {
		panic(err)
	}
}

// templated is a template, prepared to be executed within a budget.
type templated struct {
	*template.Template
	work   *Budget
	inputs map[string]any
	// uses are the paths into the inputs whose value decides on more than the text in its place:
	// ["tenant"]; an empty one is for all.
	uses [][]string
	// random: a function takes part whose value is another every time.
	random bool
}

func init() {
	slug.MaxLength, slug.EnableSmartTruncate = 63, true
}

// newTemplate prepares a template with the functions of the Flux Operator. None of them reads the environment or a
// file; what reads the clock or makes random numbers is never called, since hangsOn tells of it.
//
// Source: controlplaneio-fluxcd/flux-operator v0.58.1 internal/builder/resourceset.go newTemplate.
func newTemplate(source string, work *Budget) (*templated, error) {
	if len(source) > maxTemplate || strings.Count(source, "<<") > maxActions {
		return nil, errLimit
	}
	t := &templated{work: work}
	functions := sprig.HermeticTxtFuncMap()
	maps.Copy(functions, template.FuncMap{"slugify": slug.Make, "toYaml": toYAML, "mustToYaml": mustToYAML,
		"keys": sortedKeys, "values": sortedValues,
		"print": fmt.Sprint, "println": fmt.Sprintln, "printf": fmt.Sprintf, "html": template.HTMLEscaper,
		"js": template.JSEscaper, "urlquery": template.URLQueryEscaper})
	for name, f := range functions {
		functions[name] = t.bounded(name, f)
	}
	functions["inputs"] = func() any { return t.inputs }
	functions[tick] = func() string { work.must(stepWork); return "" }
	functions[measure] = func(v any) any { work.must(size(v, 0)); return v }
	var err error
	if t.Template, err = template.New("resourceset").Delims("<<", ">>").Funcs(functions).Option(
		"missingkey=error").Parse(source); err != nil {
		return nil, err
	}
	steps := template.Must(template.New("").Funcs(functions).Parse("{{" + tick + "}}{{0 | " + measure + "}}"))
	i := instrument{t: t, step: steps.Root.Nodes[0], measure: steps.Root.Nodes[1].(*parse.ActionNode).Pipe.Cmds[1]}
	for _, part := range t.Templates() {
		if part.Tree != nil && part.Root != nil {
			i.list(part.Root)
		}
	}
	return t, nil
}

// tick counts a step of a template, and measure what it writes. No function of a ResourceSet is called so.
const (
	tick    = "rollcallTick"
	measure = "rollcallMeasure"
)

// execute executes the template with a set of inputs.
func (t *templated) execute(inputs map[string]any) (outcome, error) {
	t.inputs = inputs
	var b bytes.Buffer
	err := t.Execute(limited{&b, t.work}, nil)
	return outcome{text: b.Bytes()}, err
}

// limited writes within a budget.
type limited struct {
	*bytes.Buffer
	work *Budget
}

func (l limited) Write(data []byte) (int, error) {
	if err := l.work.take(len(data)); err != nil {
		return 0, err
	}
	return l.Buffer.Write(data)
}

// hangsOn tells whether what the template makes hangs on what is not known: an input whose text holds a variable, in
// more than the text in its place.
func (t *templated) hangsOn(inputs map[string]any) bool {
	return t.random || slices.ContainsFunc(t.uses, func(path []string) bool {
		var v any = inputs
		for _, name := range path {
			m, ok := v.(map[string]any)
			if !ok {
				break
			}
			v = m[name]
		}
		return holdsVariable(v)
	})
}

func holdsVariable(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "${")
	case []any:
		return slices.ContainsFunc(v, holdsVariable)
	case map[string]any:
		for key, value := range v {
			if holdsVariable(key) || holdsVariable(value) {
				return true
			}
		}
	}
	return false
}

// instrument counts the steps and the output of a template, and finds what it does with the inputs.
type instrument struct {
	t       *templated
	step    parse.Node
	measure *parse.CommandNode
}

// list goes through a part of a template.
func (i *instrument) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			i.pipe(n.Pipe, len(n.Pipe.Decl) == 0)
			if len(n.Pipe.Decl) == 0 {
				n.Pipe.Cmds = append(n.Pipe.Cmds, i.measure)
			}
		case *parse.IfNode:
			i.branch(&n.BranchNode)
		case *parse.WithNode:
			i.branch(&n.BranchNode)
		case *parse.RangeNode:
			i.branch(&n.BranchNode)
		case *parse.TemplateNode:
			i.pipe(n.Pipe, false)
		}
	}
	l.Nodes = append([]parse.Node{i.step}, l.Nodes...)
}

func (i *instrument) branch(n *parse.BranchNode) {
	i.pipe(n.Pipe, false)
	i.list(n.List)
	i.list(n.ElseList)
}

// pipe notes the inputs that a pipeline uses. Those that are written as they are do not count.
func (i *instrument) pipe(p *parse.PipeNode, written bool) {
	if p == nil {
		return
	}
	for _, c := range p.Cmds[min(1, len(p.Cmds)):] {
		if f, ok := c.Args[0].(*parse.IdentifierNode); !ok || !plainly[f.Ident] {
			written = false
		}
	}
	for at, c := range p.Cmds {
		plain := written
		if f, ok := c.Args[0].(*parse.IdentifierNode); ok && at == 0 && f.Ident != "inputs" && !plainly[f.Ident] {
			plain = false
		}
		for _, arg := range c.Args {
			i.node(arg, plain)
		}
	}
}

func (i *instrument) node(n parse.Node, written bool) {
	switch n := n.(type) {
	case *parse.ChainNode:
		if f, ok := n.Node.(*parse.IdentifierNode); ok && f.Ident == "inputs" {
			if !written {
				i.t.uses = append(i.t.uses, n.Field)
			}
			return
		}
		i.node(n.Node, false)
	case *parse.IdentifierNode:
		if n.Ident == "inputs" && !written {
			i.t.uses = append(i.t.uses, nil)
		}
		i.t.random = i.t.random || changing[n.Ident]
	case *parse.PipeNode:
		i.pipe(n, written)
	}
}

// plainly are the functions by which a text stands in the output as it is, or in quotes.
var plainly = map[string]bool{"quote": true, "squote": true, "toString": true, "toYaml": true, "mustToYaml": true,
	"indent": true, "nindent": true, "print": true}

// changing are functions whose value is another every time, or on another machine.
var changing = map[string]bool{"ago": true, "randInt": true, "toDate": true, "mustToDate": true, "durationRound": true}

// bounded is a function that takes from the budget what it is given and what it gives.
func (t *templated) bounded(name string, f any) any {
	fn := reflect.ValueOf(f)
	return reflect.MakeFunc(fn.Type(), func(args []reflect.Value) []reflect.Value {
		for _, arg := range args {
			t.work.must(measured(arg, 0))
		}
		t.work.must(growth(name, args))
		call := fn.Call
		if fn.Type().IsVariadic() {
			call = fn.CallSlice
		}
		out := call(args)
		for _, v := range out {
			t.work.must(measured(v, 0))
		}
		return out
	}).Interface()
}

// widths are what makes printf write more than its operands.
var widths = regexp.MustCompile(`%[^A-Za-z%]*(?:[0-9]{4}|\*)`)

// growth is what a function may make that is more than what it is given, or how long it may take.
func growth(name string, args []reflect.Value) int {
	length := func(i int) int {
		v := args[i]
		for v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		switch v.Kind() {
		case reflect.String, reflect.Slice, reflect.Map, reflect.Array:
			return v.Len()
		case reflect.Int, reflect.Int64:
			return int(max(min(v.Int(), math.MaxInt32), -math.MaxInt32))
		}
		return 0
	}
	product := func(a, b int) int {
		if a = max(a, -a); b != 0 && a > math.MaxInt32/max(b, -b) {
			return math.MaxInt32
		}
		return a * max(b, -b)
	}
	switch name {
	case "repeat":
		return product(length(0), length(1))
	case "indent", "nindent":
		return product(length(0), 1+strings.Count(args[1].String(), "\n"))
	case "until":
		return product(length(0), 1)
	case "untilStep":
		return product(length(0), 1) + product(length(1), 1)
	case "seq":
		n := 0
		for i := range args[0].Len() {
			if v := args[0].Index(i).Int(); v > maxWork || v < -maxWork {
				return math.MaxInt32
			} else if i != 1 || args[0].Len() != 3 {
				n += int(max(v, -v)) * 8
			}
		}
		return n
	case "replace":
		return product(1+strings.Count(args[2].String(), args[0].String()), length(1))
	case "join":
		return product(length(0), length(1))
	case "regexReplaceAll", "mustRegexReplaceAll", "regexReplaceAllLiteral", "mustRegexReplaceAllLiteral":
		return product(1+length(1), 1+length(2)) + product(length(0), length(1))/8
	case "regexMatch", "mustRegexMatch", "regexFindAll", "mustRegexFindAll", "regexFind", "mustRegexFind", "regexSplit",
		"mustRegexSplit":
		return product(length(0), length(1)) / 8
	case "uniq", "mustUniq":
		return product(length(0), length(0))
	case "without", "mustWithout":
		return product(length(0), length(1))
	case "split", "splitn", "splitList":
		return product(length(len(args)-1), 16)
	case "toPrettyJson", "mustToPrettyJson":
		return product(measured(args[0], 0), maxDepth)
	case "printf":
		if widths.MatchString(args[0].String()) {
			return math.MaxInt32
		}
	}
	return 0
}

// size counts the characters and values of a value; it is negative where values lie too deep in one another.
func size(v any, depth int) int { return measured(reflect.ValueOf(v), depth) }

func measured(v reflect.Value, depth int) int {
	if depth > maxDepth {
		return math.MinInt32
	}
	n := 1
	add := func(inner int) bool {
		if inner < 0 || n > maxWork {
			n = math.MinInt32
			return false
		}
		n += inner
		return true
	}
	switch v.Kind() {
	case reflect.String:
		return 1 + v.Len()
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			return measured(v.Elem(), depth)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return 1 + v.Len()
		}
		for i := range v.Len() {
			if !add(measured(v.Index(i), depth+1)) {
				break
			}
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			if !add(measured(entry.Key(), depth+1)) || !add(measured(entry.Value(), depth+1)) {
				break
			}
		}
	}
	return n
}

// sortedKeys and sortedValues are the library's keys and values, in one order and not in any.
func sortedKeys(dicts ...map[string]any) []string {
	all := []string{}
	for _, dict := range dicts {
		all = append(all, slices.Sorted(maps.Keys(dict))...)
	}
	return all
}

func sortedValues(dict map[string]any) []any {
	all := []any{}
	for _, key := range slices.Sorted(maps.Keys(dict)) {
		all = append(all, dict[key])
	}
	return all
}

// toYAML is the value as YAML, nothing where it cannot be.
func toYAML(v any) string {
	s, _ := mustToYAML(v)
	return s
}

func mustToYAML(v any) (string, error) {
	data, err := sigsyaml.Marshal(v)
	return string(data), err
}

// explanations are what of an error of a template may be shown: names of functions and keys. The
// errors quote values as well.
var explanations = regexp.MustCompile(strings.Join([]string{
	`map has no entry for key "[\w.-]+"`,
	`function "\w+" not defined`,
	`can't evaluate field [\w.-]+`,
	`wrong number of args for \w+`,
	`error calling \w+`,
	`undefined variable "\$\w+"`,
	`unclosed (?:action|comment|left paren)|unexpected (?:EOF|\{\{end\}\}|\{\{else\}\})|missing value for \w+`,
	`template "[\w.-]+" not defined`,
	`Object 'Kind' is missing`,
	`yaml: line \d+: [a-z ]+`,
}, "|"))

// explain is what may be shown of an error.
func explain(err error) string {
	switch {
	case errors.Is(err, errLimit):
		return errLimit.Error()
	case errors.Is(err, errNoObject):
		if part := explanations.FindString(err.Error()); part != "" {
			return errNoObject.Error() + ": " + part
		}
		return errNoObject.Error()
	}
	if part := explanations.FindString(err.Error()); part != "" {
		return part
	}
	return "the command flux-operator build resourceset says why"
}
