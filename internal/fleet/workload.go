package fleet

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// Workload is an object that a policy selects and that has replicas, or stands for all that have none.
type Workload struct {
	// Kind is "Deployment.apps"; Namespace and Name are its own. All empty where it stands for
	// objects without replicas.
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Origin and Field lead to the number of replicas, or to the most that an autoscaler may ask for.
	Origin Origin            `json:"origin"`
	Field  Field             `json:"field"`
	Labels map[string]string `json:"labels"`
	// Replicas is how many it asks for, Least and Most those that its autoscalers may ask for. Uncounted says in words
	// why that is not known; empty where it is.
	Replicas  int    `json:"replicas"`
	Least     int    `json:"least"`
	Most      int    `json:"most"`
	Uncounted string `json:"uncounted"`
	// Scaler is what may change the replicas, "HorizontalPodAutoscaler web"; empty where nothing does.
	Scaler string `json:"scaler"`
	// Bare: Karmada does not divide it, and brings it to each cluster that is selected.
	Bare bool `json:"bare"`
}

// interpreter tells how many replicas Karmada sees in an object of a kind; not ok where the object does not say, or
// says it in a way that cannot be read.
type interpreter struct {
	// since is the first Karmada 1.minor that has it; 0 for all.
	since int
	count func(spec map[string]any) (int, bool)
	// field is the one that says how many.
	field string
}

// replicaField reads a field, by default one.
func replicaField(field string, byDefault int) interpreter {
	return interpreter{field: field, count: func(spec map[string]any) (int, bool) {
		return countOf(spec[field], byDefault)
	}}
}

// countOf is a number of replicas. Kubernetes has an int32 there, and refuses what is none.
func countOf(v any, byDefault int) (int, bool) {
	if v == nil {
		return byDefault, byDefault >= 0
	}
	n, ok := number(v)
	return min(max(n, 0), math.MaxInt32), ok
}

// interpreters are Karmada's own and those of other projects that it brings along, by kind. A kind that is not here has
// no replicas, unless the fleet tells Karmada how to read it.
//
// Source: karmada v1.18.2 pkg/resourceinterpreter/default/native/replica.go:35,
// default/thirdparty/resourcecustomizations (replicaResource).
var interpreters = map[string]interpreter{
	"Deployment.apps":  replicaField("replicas", 1),
	"StatefulSet.apps": replicaField("replicas", 1),
	"ReplicaSet.apps":  replicaField("replicas", 1),
	"Job.batch": {field: "parallelism", count: func(spec map[string]any) (int, bool) {
		parallelism, ok := countOf(spec["parallelism"], 1)
		completions, known := countOf(spec["completions"], parallelism)
		return min(parallelism, completions), ok && known
	}},
	"Pod":                             {count: func(map[string]any) (int, bool) { return 1, true }},
	"CloneSet.apps.kruise.io":         replicaField("replicas", -1),
	"StatefulSet.apps.kruise.io":      replicaField("replicas", -1),
	"UnitedDeployment.apps.kruise.io": replicaField("replicas", -1),
	"BroadcastJob.apps.kruise.io":     replicaField("parallelism", 1),
	"Workflow.argoproj.io":            replicaField("parallelism", 1),
	"Notebook.kubeflow.org":           {since: 16, count: func(map[string]any) (int, bool) { return 1, true }},
	"RayService.ray.io": {since: 17, field: "rayClusterConfig", count: func(spec map[string]any) (int, bool) {
		if at(spec, "rayClusterConfig", "headGroupSpec", "template") == nil {
			return 0, true
		}
		sum, ok := 1, true
		for _, group := range listAt(spec, "rayClusterConfig", "workerGroupSpecs") {
			n, known := countOf(at(group, "replicas"), 0)
			sum, ok = sum+n, ok && known
		}
		return sum, ok
	}},
	"FlinkDeployment.flink.apache.org": {field: "taskManager", count: func(spec map[string]any) (int, bool) {
		jobs, ok := countOf(at(spec, "jobManager", "replicas"), 1)
		tasks, known := countOf(at(spec, "taskManager", "replicas"), -1)
		if at(spec, "taskManager", "replicas") == nil {
			tasks, known = 1, true
			parallelism, _ := countOf(at(spec, "job", "parallelism"), -1)
			if slots, _ := scalar(at(spec, "flinkConfiguration", "taskmanager.numberOfTaskSlots")); slots != "" &&
				parallelism >= 0 {
				var n int
				if _, err := fmt.Sscan(slots, &n); err == nil && n > 0 {
					tasks = (parallelism + n - 1) / n
				}
			}
		}
		return jobs + tasks, ok && known
	}},
}

// workloads are those among what a policy selects, by kind, namespace and name. Where it selects none, or objects
// without replicas alone, there is one that stands for these.
func (f *Fleet) workloads(policy Object, selections []Selection) []Workload {
	all := []Workload{}
	seen := map[key]bool{}
	minor := f.minorAt(policy.APIServer)
	for _, selection := range selections {
		if len(selection.Objects) == 0 {
			if _, ok := f.interpreter(policy.APIServer, selection.Kind, minor); ok && selection.State == Unknown {
				all = append(all, unseenWorkload(policy, selection))
			}
			continue
		}
		for _, o := range selection.Objects {
			place := key{policy.APIServer, o.Kind, o.Namespace, o.Name}
			object, ok := f.object(place)
			if !ok || seen[place] {
				continue
			}
			seen[place] = true
			if w, ok := f.workload(object, minor); ok {
				all = append(all, w)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Workload) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	if len(all) == 0 {
		all = append(all, Workload{Bare: true, Field: Field{}, Labels: map[string]string{}})
	}
	return all
}

// unseenWorkload is one that may be there and is not in Git, as what a chart brings.
func unseenWorkload(policy Object, s Selection) Workload {
	kind, _, _ := strings.Cut(s.Kind, ".")
	w := Workload{Kind: s.Kind, Name: s.Name, Namespace: policy.Namespace, Field: Field{}, Labels: map[string]string{}}
	if w.Uncounted = fmt.Sprintf("the %s %q is not in Git, so nothing tells how many replicas it has", kind,
		s.Name); s.Name == "" {
		w.Uncounted = fmt.Sprintf("no %s that it selects is in Git, so nothing tells how many replicas there are", kind)
	}
	return w
}

// minorAt is the Karmada behind an API server; 0 where it is unknown.
func (f *Fleet) minorAt(server string) int {
	if c, ok := f.ControlPlanes[f.APIServers[server].ControlPlane]; ok {
		return MinorOf(c.Version)
	}
	if len(f.ControlPlanes) == 1 {
		return MinorOf(f.ControlPlanes[sorted(f.ControlPlanes)[0]].Version)
	}
	return MinorOf(f.KarmadaVersion)
}

// workload reads an object; false for one without replicas.
func (f *Fleet) workload(object Object, minor int) (Workload, bool) {
	kind := kindOf(object)
	in, ok := f.interpreter(object.APIServer, kind, minor)
	if !ok {
		return Workload{}, false
	}
	w := Workload{Kind: kind, Namespace: object.Namespace, Name: object.Name, Origin: object.Origin,
		Labels: labelsOf(object), Field: Field{"spec"}}
	if in.field != "" {
		w.Field = append(w.Field, in.field)
	}
	n, known := in.count(mapAt(object.Content, "spec"))
	if w.Replicas, w.Least, w.Most = n, n, n; !known {
		w.Uncounted = fmt.Sprintf("spec.%s of the %s %q does not tell how many replicas there are",
			cmp.Or(in.field, "replicas"), object.Kind, object.Name)
	}
	w.Bare = known && n == 0 && !requests(object, kind)
	f.scale(&w, object)
	return w, true
}

// requests tells whether the pods ask for something; where they do not, Karmada takes a workload
// without replicas for none.
//
// Source: karmada v1.18.2 pkg/util/helper/binding.go:448 (GenerateReplicaRequirements),
// pkg/scheduler/core/common.go:68.
func requests(object Object, kind string) bool {
	pod := mapAt(object.Content, "spec", "template", "spec")
	if kind == "Pod" {
		pod = mapAt(object.Content, "spec")
	}
	for _, field := range []string{"nodeSelector", "tolerations", "overhead"} {
		if pod[field] != nil {
			return true
		}
	}
	if at(pod, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution") != nil {
		return true
	}
	for _, list := range []string{"containers", "initContainers"} {
		for _, container := range listAt(pod, list) {
			if len(mapAt(container, "resources", "requests")) > 0 || len(mapAt(container, "resources", "limits")) > 0 {
				return true
			}
		}
	}
	return false
}

const customizationKind = "ResourceInterpreterCustomization.config.karmada.io"

// readsField is a script that gives a field of the spec, and no more.
var readsField = regexp.MustCompile(`(?:replica\w*\s*=|return)\s*\w+\.spec\.(\w+)`)

// interpreter is how Karmada counts the replicas of a kind: as a ResourceInterpreterCustomization says, or by itself;
// not ok for a kind without replicas.
//
// Source: karmada v1.18.2 pkg/resourceinterpreter/interpreter.go (GetReplicas): webhooks, customizations,
// other projects', its own.
func (f *Fleet) interpreter(server, kind string, minor int) (interpreter, bool) {
	for object := range f.ofKind(server, customizationKind) {
		group, _, grouped := strings.Cut(textAt(object.Content, "spec", "target", "apiVersion"), "/")
		if !grouped {
			group = ""
		}
		script := textAt(object.Content, "spec", "customizations", "replicaResource", "luaScript")
		if script == "" || GroupKind(group, textAt(object.Content, "spec", "target", "kind")) != kind {
			continue
		}
		fields := readsField.FindAllStringSubmatch(script, -1)
		if len(fields) == 1 && !strings.Contains(script, "if ") && !strings.Contains(script, "for ") {
			return replicaField(fields[0][1], -1), true
		}
		return interpreter{field: "replicas", count: func(map[string]any) (int, bool) { return 0, false }}, true
	}
	in, ok := interpreters[kind]
	if !ok || minor > 0 && minor < in.since {
		return interpreter{}, false
	}
	return in, true
}

// scalers are the kinds that change the replicas of what they name.
var scalers = []string{"HorizontalPodAutoscaler.autoscaling", "FederatedHPA.autoscaling.karmada.io",
	"CronFederatedHPA.autoscaling.karmada.io"}

// scale adds what autoscalers may make of the replicas: the bounds of a HorizontalPodAutoscaler or FederatedHPA, which
// a CronFederatedHPA may change in turn, and the targets of a CronFederatedHPA.
//
// Source: karmada v1.18.2 pkg/controllers/cronfederatedhpa/cronfederatedhpa_job.go (ScaleFHPA, ScaleWorkloads).
func (f *Fleet) scale(w *Workload, object Object) {
	kind, _, _ := strings.Cut(w.Kind, ".")
	if w.Replicas == 0 && w.Uncounted == "" {
		return // an autoscaler leaves it alone
	}
	for _, scaler := range scalers {
		for of := range f.scalersOf(object.APIServer, scaler, object.Namespace, kind, w.Name) {
			w.Scaler = of.Kind + " " + of.Name
			if of.Kind == "CronFederatedHPA" {
				w.bound(of, "targetReplicas", "targetReplicas")
				continue
			}
			if n, ok := number(at(of.Content, "spec", "minReplicas")); ok ||
				at(of.Content, "spec", "minReplicas") == nil {
				w.Least = min(w.Least, max(n, 1))
			}
			w.most(of, at(of.Content, "spec", "maxReplicas"), "spec", "maxReplicas")
			for cron := range f.scalersOf(object.APIServer, scalers[2], object.Namespace, of.Kind, of.Name) {
				w.bound(cron, "targetMinReplicas", "targetMaxReplicas")
			}
		}
	}
}

// scalersOf are the autoscalers of a kind that name a target, by name.
func (f *Fleet) scalersOf(server, scaler, namespace, kind, name string) func(yield func(Object) bool) {
	return func(yield func(Object) bool) {
		names := f.Objects[server][scaler][namespace]
		for _, id := range sorted(names) {
			to := scaleTarget(*names[id])
			if to.kind == kind && to.name == name && !yield(*names[id]) {
				return
			}
		}
	}
}

// scaleTarget is what an autoscaler is about: a kind without its group, and a name.
func scaleTarget(scaler Object) selectorKey {
	return selectorKey{scaler.APIServer, textAt(scaler.Content, "spec", "scaleTargetRef", "kind"),
		textAt(scaler.Content, "spec", "scaleTargetRef", "name")}
}

// bound takes in what the rules of a CronFederatedHPA may set; a suspended one sets nothing.
//
// Source: karmada-io/karmada v1.18.2
// pkg/controllers/cronfederatedhpa/cronfederatedhpa_controller.go:140 (processCronRule).
func (w *Workload) bound(cron Object, least, most string) {
	for i, rule := range listAt(cron.Content, "spec", "rules") {
		if at(rule, "suspend") == true {
			continue
		}
		if n, ok := number(at(rule, least)); ok && n > 0 {
			w.Least = min(w.Least, n)
		}
		w.most(cron, at(rule, most), "spec", "rules", i, most)
	}
}

func (w *Workload) most(of Object, value any, field ...any) {
	if n, ok := number(value); ok && n > w.Most {
		w.Most, w.Origin, w.Field = min(n, math.MaxInt32), of.Origin, field
	}
}

// recounts are the objects of which more than the number of replicas may hang on what is, or was, at a place: what an
// autoscaler names, and what the one names that it changes.
func (f *Fleet) recounts(object Object) (all []key) {
	if !slices.Contains(scalers, kindOf(object)) {
		return nil
	}
	to := scaleTarget(object)
	all = append(all, key{object.APIServer, to.kind, object.Namespace, to.name})
	if object.Kind != "CronFederatedHPA" {
		return all
	}
	for _, scaler := range scalers[:2] {
		if kind, _, _ := strings.Cut(scaler, "."); kind == to.kind {
			if other, ok := f.object(key{object.APIServer, scaler, object.Namespace, to.name}); ok {
				all = append(all, f.recounts(other)...)
			}
		}
	}
	return all
}
