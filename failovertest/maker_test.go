//go:build !karmada1.16

package failovertest

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
)

// texts are values of fields by their names: what is right, and what is refused.
var texts = map[string]struct{ right, wrong []any }{
	"key":             {[]any{"provider", "region", "zone"}, []any{"foo", ""}},
	"operator":        {[]any{"In", "NotIn"}, []any{"Exists", "Lt", "Gt", "Equal"}},
	"affinityName":    {[]any{"a", "b", "c", "d/e"}, []any{"not valid", "-x", ""}},
	"groupByLabelKey": {[]any{"app", "example.com/app", "tier"}, []any{"INVALID KEY!"}},
	"aliasLabelName": {[]any{"state", "example.com/my-state"},
		[]any{"-state", "state@", strings.Repeat("a", 64), "BIG.COM/x"}},
	"path":        {[]any{"/spec/replicas", "/a"}, []any{"spec/replicas", "//", "/%2f/", "/a/../b", "/a/.."}},
	"subPath":     {[]any{"/a", "/b/c"}, []any{"a/b"}},
	"fieldPath":   {[]any{"/data/config"}, []any{"data/config"}},
	"namespace":   {[]any{"default", "default", "default"}, []any{"other"}},
	"clusterName": {[]any{"member1", "member2"}, []any{"", "Member", strings.Repeat("a", 49), "a.b"}},
	"schedule": {[]any{"*/5 * * * *", "0 0 * * 1", "@daily", "0 9 * * MON-FRI"},
		[]any{"* *", "61 * * * *", "nothing", ""}},
	"timeZone": {[]any{"Asia/Shanghai", "UTC", "", "America/New_York"}, []any{"Mars/Base", "asia/nowhere"}},
	"luaScript": {[]any{"function GetReplicas(obj)\n  return obj.spec.replicas\nend", "local x = 1", "return {}"},
		[]any{"function GetReplicas(obj)", "if then", "local function f() break end", "x = = 1", "goto nowhere",
			"return 'a"}},
	"host": {[]any{"a.example.com", "*.example.com", ""},
		[]any{"10.0.0.1", "*", "A.com", "a.*.com", "::1", "010.0.0.1"}},
	"hosts":            {[]any{"a.example.com", "*.example.com"}, []any{"*", "A.com", "10.0.0.1", ""}},
	"secretName":       {[]any{"tls", ""}, []any{"TLS"}},
	"ingressClassName": {[]any{"nginx"}, []any{"Nginx", ""}},
	"pathType":         {[]any{"Exact", "Prefix", "ImplementationSpecific"}, []any{"exact", ""}},
	"apiGroup":         {[]any{"apps", "a.b"}, []any{"A", ""}},
	"url": {[]any{"https://a.b/c"},
		[]any{"http://a.b", "a.b", "https://u@a.b", "https://a.b/#x", "https://a.b?x", "https:///c", "%"}},
	"interpreterContextVersions": {[]any{"v1alpha1"}, []any{"v1", "1", "v1alpha1"}},
	"operations": {[]any{"Retain", "InterpretReplica", "InterpretComponent", "*"},
		[]any{"Prune", "all"}},
	"apiGroups":   {[]any{"apps", "", "*"}, []any{"*"}},
	"apiVersions": {[]any{"v1", "*"}, []any{"", "*"}},
	"kinds":       {[]any{"Deployment", "*"}, []any{"", "*"}},
	"kind":        {[]any{"Deployment", "FederatedHPA", "ServiceImport"}, []any{"", "a/b", "..", "a%b"}},
	"apiVersion": {[]any{"apps/v1", "autoscaling.karmada.io/v1alpha1",
		"multicluster.x-k8s.io/v1alpha1"}, []any{"v1"}},
	"selectPolicy": {[]any{"Max", "Min", "Disabled"}, []any{"max"}},
	"effect":       {[]any{"NoSchedule", "NoExecute"}, []any{"NoExecute"}},
	"container":    {[]any{"app"}, []any{"", "App"}},
	"types":        {[]any{"CrossCluster"}, []any{"LoadBalancer", "Other"}},
}

// typesOf are the right values of a field called type, by its kind and by what has the field.
func (m maker) typeOf(parent string) any {
	switch parent {
	case "metrics":
		return m.pick("Object", "Pods", "Resource", "ContainerResource", "Resource")
	case "target":
		return m.pick("Utilization", "Value", "AverageValue")
	case "policies":
		return m.pick("Pods", "Percent")
	}
	return m.pick("a")
}

// value is one for a schema, of a field with that name; parent is the field that has it.
func (m maker) value(s *apiextensions.JSONSchemaProps, path string, depth int) any {
	name := path[strings.LastIndex(path, ".")+1:]
	parent := ""
	if i := strings.LastIndex(path, "."); i >= 0 {
		parent = path[strings.LastIndex(path[:i], ".")+1 : i]
	}
	fault := m.chance(m.wrong)
	switch {
	case name == "manifests":
		return m.pick([]any{}, []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}},
			[]any{map[string]any{"kind": "X", "a": "b"}},
			[]any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}, map[string]any{"a": "b"}})
	case name == "overall" || name == "hard":
		return m.resources(name)
	case s.XIntOrString:
		if fault {
			return m.pick("0", int64(-1), "-5")
		}
		return m.pick(int64(3), "100m", "2Gi")
	case s.Type == "string" && m.kind == "FederatedResourceQuota" && name == "clusterName",
		s.Type == "string" && name != "type" && name != "operator" && texts[name].right != nil && len(s.Enum) == 0:
		known := texts[name]
		if fault {
			return m.pick(known.wrong...)
		}
		return m.pick(known.right...)
	case len(s.Enum) > 0:
		return s.Enum[m.random.IntN(len(s.Enum))]
	case s.Type == "boolean":
		return m.random.IntN(2) == 0
	case s.Type == "integer":
		switch {
		case fault:
			return m.pick(int64(-1), int64(0), int64(70000), int64(2))
		case name == "minGroups" || name == "minReplicas" || name == "targetMinReplicas":
			return m.pick(int64(1), int64(1), int64(2))
		case name == "stabilizationWindowSeconds" || name == "periodSeconds" || name == "timeoutSeconds":
			return m.pick(int64(1), int64(30))
		}
		return m.pick(int64(3), int64(20))
	case s.Type == "string":
		return m.text(name, parent, fault)
	case s.Type == "array":
		list := []any{}
		for range m.pick(0, 1, 1, 1, 2).(int) {
			list = append(list, m.value(s.Items.Schema, path, depth+1))
		}
		if len(list) == 0 && s.MinItems != nil {
			list = append(list, m.value(s.Items.Schema, path, depth+1))
		}
		return list
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		if fault {
			return m.pick(map[string]any{"~x": "a"}, map[string]any{"X.COM/a": "a"}, map[string]any{"a": "not valid!"},
				map[string]any{"a": "-"})
		}
		return m.pick(map[string]any{"a": "b"}, map[string]any{"example.com/a": "b", "c": ""}, map[string]any{})
	case s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields:
		return m.pick("text", int64(1), map[string]any{"a": "b"}, []any{})
	}
	return m.object(s, path, depth)
}

func (m maker) text(name, parent string, fault bool) any {
	switch name {
	case "type":
		if fault {
			return m.pick("", "External", "value")
		}
		return m.typeOf(parent)
	case "operator":
		if parent == "matchExpressions" && !fault {
			return m.pick("In", "NotIn")
		}
		if parent == "clusterTolerations" && !fault {
			return m.pick("", "Equal", "Exists")
		}
		return m.pick("In", "Exists", "Lt", "Gt")
	case "name":
		if fault {
			return m.pick("", "a/b", "A", "..", "-a", strings.Repeat("a", 49), "gpu")
		}
		return m.pick("a", "b", "c.d-e", "cpu", "memory", "a.b")
	}
	return m.pick("a", "b", "member1")
}

func (m maker) resources(name string) any {
	list := map[string]any{}
	for range m.random.IntN(3) + 1 {
		list[m.pick("cpu", "memory", "pods").(string)] = m.pick("2", "100", int64(4), "10")
		if name == "overall" {
			list["cpu"], list["memory"], list["pods"] = "1000", "1000", "100"
		}
		if m.chance(m.wrong * 3) {
			list[m.pick("gpu", "nvidia.com/gpu", "requests.nvidia.com/gpu", "hugepages-2Mi", "Cpu", "a b", "count/x",
				"kubernetes.io/x", "cpu").(string)] =
				m.pick("1", "-1", "500m", "0", "5000")
		}
	}
	return list
}

func (m maker) object(s *apiextensions.JSONSchemaProps, path string, depth int) any {
	object := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name]
		often := 2
		if depth > 4 {
			often = 3
		}
		if (name == "clusterAffinity" || name == "targetCluster" || name == "overriders" && depth == 1) &&
			!m.chance(m.wrong) {
			often = 8
		}
		if slices.Contains(s.Required, name) || m.random.IntN(often) == 0 {
			object[name] = m.value(&property, path+"."+name, depth+1)
		}
	}
	m.agree(object, path)
	return object
}

// agree makes an object such that its fields do not contradict each other, most of the time.
func (m maker) agree(object map[string]any, path string) {
	name := path[strings.LastIndex(path, ".")+1:]
	keep := func(key string, others ...string) {
		if object[key] != nil {
			for _, other := range others {
				delete(object, other)
			}
		}
	}
	if m.chance(m.wrong * 3) {
		return
	}
	switch name {
	case "spreadConstraints":
		keep("spreadByField", "spreadByLabel")
		if m.chance(0.8) {
			object["spreadByField"] = "cluster"
			delete(object, "spreadByLabel")
		}
	case "placement":
		keep("clusterAffinity", "clusterAffinities")
		delete(object, "workloadAffinity")
		if list, _ := object["spreadConstraints"].([]any); len(list) > 1 && m.chance(0.8) {
			object["spreadConstraints"] = list[:1]
		}
	case "clusterAffinities":
		if m.chance(0.6) {
			delete(object, "overflowAffinities")
		}
	case "spec":
		if failover, _ := object["failover"].(map[string]any); failover["application"] != nil {
			object["propagateDeps"] = true
		}
		keep("overrideRules", "targetCluster", "overriders")
		if m.kind == "MultiClusterIngress" && object["rules"] == nil {
			object["defaultBackend"] = map[string]any{"service": map[string]any{
				"name": "a", "port": map[string]any{"number": int64(80)}}}
		}
		if object["preemption"] == "Always" {
			object["preemption"] = "Never"
		}
	case "application":
		object["purgeMode"] = "Gracefully"
	case "suspension":
		keep("dispatching", "dispatchingOnClusters")
	case "fieldOverrider":
		keep("json", "yaml")
		if object["json"] == nil && object["yaml"] == nil {
			object["json"] = []any{map[string]any{"subPath": "/a", "operator": "remove"}}
		}
	case "json", "yaml":
		if object["operator"] == "remove" {
			delete(object, "value")
		} else {
			object["value"] = "x"
		}
	case "defaultBackend", "backend":
		if keep("service", "resource"); object["service"] == nil && object["resource"] == nil {
			object["service"] = map[string]any{"name": "a", "port": map[string]any{"number": int64(80)}}
		}
	case "service":
		if m.kind == "MultiClusterIngress" {
			object["name"] = "a"
		}
	case "port":
		if keep("name", "number"); object["name"] == nil {
			object["number"] = int64(80)
		} else {
			object["name"] = "http"
		}
	case "http":
		if list, _ := object["paths"].([]any); len(list) == 0 {
			object["paths"] = []any{map[string]any{"pathType": "Prefix", "path": "/",
				"backend": map[string]any{"service": map[string]any{
					"name": "a", "port": map[string]any{"name": "http"}}}}}
		}
	case "clientConfig":
		if keep("url", "service"); object["service"] == nil {
			object["url"] = "https://a.b/c"
		}
	case "metrics":
		kind, _ := object["type"].(string)
		if kind == "" {
			return
		}
		field := strings.ToLower(kind[:1]) + kind[1:]
		for _, other := range []string{"object", "pods", "resource", "containerResource", "external"} {
			if other != field {
				delete(object, other)
			}
		}
		if object[field] == nil {
			object["type"] = "Resource"
			object["resource"] = map[string]any{"name": "cpu",
				"target": map[string]any{"type": "Utilization", "averageUtilization": int64(50)}}
		}
	case "target":
		if m.kind != "FederatedHPA" {
			return
		}
		object["averageValue"] = "3"
		delete(object, "averageUtilization")
	case "rules":
		if m.kind == "CronFederatedHPA" {
			object["targetReplicas"], object["targetMinReplicas"], object["targetMaxReplicas"] = int64(3), int64(1),
				int64(9)
		}
	case "webhooks":
		object["name"] = "a.b.c"
		object["interpreterContextVersions"] = []any{"v1alpha1"}
	}
}
