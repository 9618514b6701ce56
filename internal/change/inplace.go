package change

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// immutable are the fields, by kind, that an API server changes in no object.
//
// Source: kubernetes/kubernetes v1.36 pkg/apis/apps/validation ValidateDeploymentUpdate and its like,
// pkg/apis/batch/validation ValidateJobSpecUpdate, pkg/apis/storage/validation ValidateStorageClassUpdate,
// pkg/apis/rbac/validation ValidateRoleBindingUpdate, pkg/apis/networking/validation ValidateIngressClassUpdate,
// pkg/apis/scheduling/validation ValidatePriorityClassUpdate, pkg/apis/node/validation ValidateRuntimeClassUpdate,
// pkg/apis/core/validation ValidateSecretUpdate, ValidatePersistentVolumeUpdate, pkg/apis/discovery/validation
// ValidateEndpointSliceUpdate; apiextensions-apiserver v0.36 pkg/apis/apiextensions/validation
// ValidateCustomResourceDefinitionUpdate.
var immutable = map[string][]string{
	"Deployment.apps": {"spec.selector"},
	"DaemonSet.apps":  {"spec.selector"},
	"ReplicaSet.apps": {"spec.selector"},
	"StatefulSet.apps": {"spec.selector", "spec.serviceName", "spec.volumeClaimTemplates",
		"spec.podManagementPolicy"},
	"Job.batch": {"spec.selector", "spec.template", "spec.completionMode",
		"spec.podFailurePolicy", "spec.backoffLimitPerIndex", "spec.managedBy"},
	"StorageClass.storage.k8s.io": {"parameters", "provisioner", "reclaimPolicy",
		"volumeBindingMode"},
	"RoleBinding.rbac.authorization.k8s.io":         {"roleRef"},
	"ClusterRoleBinding.rbac.authorization.k8s.io":  {"roleRef"},
	"IngressClass.networking.k8s.io":                {"spec.controller"},
	"PriorityClass.scheduling.k8s.io":               {"value", "preemptionPolicy"},
	"RuntimeClass.node.k8s.io":                      {"handler"},
	"Secret":                                        {"type"},
	"EndpointSlice.discovery.k8s.io":                {"addressType"},
	"CustomResourceDefinition.apiextensions.k8s.io": {"spec.scope", "spec.names.kind", "spec.group"},
	"PersistentVolume": {"spec.csi", "spec.nfs", "spec.hostPath", "spec.local", "spec.iscsi", "spec.fc", "spec.cephfs",
		"spec.rbd", "spec.awsElasticBlockStore",
		"spec.azureDisk", "spec.azureFile", "spec.gcePersistentDisk", "spec.volumeMode"},
}

// mutableClaim are the fields of a PersistentVolumeClaim's spec that may change.
//
// Source: kubernetes/kubernetes v1.36 pkg/apis/core/validation ValidatePersistentVolumeClaimUpdate.
var mutableClaim = []string{"resources", "volumeAttributesClassName"}

// inPlace are the differences between two objects that an API server or a controller does not make in place.
func (c *comparison) inPlace(before, after *fleet.Object) (marks []Mark) {
	kind := fleet.GroupKind(after.Group, after.Kind)
	refused := func(path, why string) {
		m := Mark{Kind: "refused", Field: path, Why: why +
			", so the API server refuses the change, and with it the Kustomization fails"}
		k := c.after.kustomizations[after.Kustomization]
		// Source: fluxcd/pkg ssa v0.77.0 manager_apply.go shouldForceApply.
		if k != nil && k.Applying.Force || isMetadata(after, "force", "enabled") {
			m.Kind, m.Why = "recreated", why+
				", so Flux, which is told to force it, deletes the object and creates it anew"
		}
		marks = append(marks, m)
	}
	differ := func(path string) (a, b any, differs bool) {
		var steps []any
		for step := range strings.SplitSeq(path, ".") {
			steps = append(steps, step)
		}
		a, _ = lookUp(before.Content, steps)
		b, _ = lookUp(after.Content, steps)
		return a, b, !equal(a, b)
	}
	for _, path := range immutable[kind] {
		// What is left out an API server fills in as it was or by default: nobody can tell here.
		if a, b, differs := differ(path); differs && a != nil && b != nil {
			refused(path, "the field cannot change")
		}
	}
	switch kind {
	case "StatefulSet.apps":
		if a, b, differs := differ("spec.volumeClaimTemplates"); differs && (a == nil) != (b == nil) {
			refused("spec.volumeClaimTemplates", "the field cannot change")
		}
	case "Service":
		for _, path := range []string{"spec.clusterIP", "spec.loadBalancerClass"} {
			switch a, b, differs := differ(path); {
			case differs && b != nil:
				refused(path, "the field cannot change once the Service has it")
			case differs && a == "None":
				marks = append(marks, Mark{Kind: "ignored", Field: path,
					Why: "the API server keeps the address that the Service has: it stays headless"})
			}
		}
	case "PersistentVolumeClaim":
		a, _ := before.Content["spec"].(map[string]any)
		b, _ := after.Content["spec"].(map[string]any)
		for _, key := range sortedKeys(b) {
			if !slices.Contains(mutableClaim, key) && a[key] != nil && !equal(a[key], b[key]) {
				refused("spec."+key, "the field cannot change")
			}
		}
	case "ConfigMap", "Secret":
		if before.Content["immutable"] != true {
			break
		}
		for _, path := range []string{"immutable", "data", "binaryData", "stringData"} {
			if _, _, differs := differ(path); differs {
				refused(path, "the "+after.Kind+" is immutable")
			}
		}
		for _, f := range c.hidden.differences(before, after) {
			refused(f.Path, "the "+after.Kind+" is immutable")
		}
	case "HelmRelease.helm.toolkit.fluxcd.io":
		marks = append(marks, reinstalls(before, after)...)
	case "Kustomization.kustomize.toolkit.fluxcd.io":
		if _, _, differs := differ("spec.kubeConfig"); differs {
			marks = append(marks, Mark{Kind: "contents", Field: "spec.kubeConfig",
				Why: "Flux applies to another API server from now on, and leaves what is on the old one as it is"})
		}
	}
	return marks
}

// release is what helm-controller knows a release by.
//
// Source: fluxcd/helm-controller v1.6 internal/action/verify.go ReleaseTargetChanged.
func release(o *fleet.Object) map[string]string {
	target := textAt(o.Content, "spec", "targetNamespace")
	r := map[string]string{"spec.targetNamespace": target,
		"spec.storageNamespace": textAt(o.Content, "spec", "storageNamespace"),
		"spec.releaseName":      textAt(o.Content, "spec", "releaseName"),
		"spec.chart.spec.chart": textAt(o.Content, "spec", "chart", "spec", "chart")}
	if r["spec.targetNamespace"] == "" {
		r["spec.targetNamespace"] = o.Namespace
	}
	if r["spec.storageNamespace"] == "" {
		r["spec.storageNamespace"] = o.Namespace
	}
	if r["spec.releaseName"] == "" {
		r["spec.releaseName"] = o.Name
		if target != "" {
			r["spec.releaseName"] = target + "-" + o.Name
		}
	}
	return r
}

func reinstalls(before, after *fleet.Object) (marks []Mark) {
	a, b := release(before), release(after)
	for _, path := range []string{"spec.targetNamespace", "spec.releaseName", "spec.storageNamespace",
		"spec.chart.spec.chart"} {
		// and no path
		isName := path != "spec.chart.spec.chart" || a[path] != "" && b[path] != "" &&
			!strings.Contains(a[path]+b[path], "/")
		if a[path] != b[path] && isName {
			return []Mark{{Kind: "reinstalled", Field: path,
				Why: "helm-controller uninstalls the release and installs it anew"}}
		}
	}
	return nil
}

// markHelmReleases marks the releases that go by one name and come by another.
func (c *comparison) markHelmReleases() {
	for _, s := range c.servers {
		for i := range s.Objects {
			if !isRelease(s.Objects[i], Prune) {
				continue
			}
			gone := c.objectOf(c.before, s.ID, s.Objects[i])
			for j := range s.Objects {
				if !isRelease(s.Objects[j], Create) {
					continue
				}
				come := c.objectOf(c.after, s.ID, s.Objects[j])
				if gone == nil || come == nil {
					continue
				}
				a, b := release(gone), release(come)
				same := maps.Equal(a, b)
				chart, other := chartOf(gone), chartOf(come)
				if !same && (chart != other || chart == "" || s.Objects[i].File != s.Objects[j].File) {
					continue
				}
				why := "its release is uninstalled, and another one installed in its place"
				if same {
					why = "both are the same Helm release: with the old name Flux uninstalls what the new name has taken over"
				}
				s.Objects[i].Marks = append(s.Objects[i].Marks,
					Mark{Kind: "renamed", Why: fmt.Sprintf("it becomes HelmRelease %q; %s", s.Objects[j].Name, why)})
				s.Objects[j].Marks = append(s.Objects[j].Marks,
					Mark{Kind: "renamed", Why: fmt.Sprintf("it was HelmRelease %q; %s", s.Objects[i].Name, why)})
			}
		}
	}
}

func isRelease(o Object, action Action) bool {
	return o.Action == action && o.Kind == "HelmRelease" && o.Group == "helm.toolkit.fluxcd.io"
}

func (c *comparison) objectOf(s *side, server string, o Object) *fleet.Object {
	return s.Fleet.Objects[server][fleet.GroupKind(o.Group, o.Kind)][o.Namespace][o.Name]
}

func chartOf(o *fleet.Object) string {
	return cmp.Or(textAt(o.Content, "spec", "chart", "spec", "chart"), textAt(o.Content, "spec", "chartRef", "name"))
}

// goesWith are the things that go with an object that is deleted.
func (c *comparison) goesWith(o *fleet.Object) []Mark {
	count := func(s *side, is func(kind, namespace string, o *fleet.Object) bool) (n int) {
		for kind, namespaces := range s.Fleet.Objects[o.APIServer] {
			for namespace, names := range namespaces {
				for _, other := range names {
					if is(kind, namespace, other) {
						n++
					}
				}
			}
		}
		return n
	}
	tell := func(where string, is func(kind, namespace string, o *fleet.Object) bool) []Mark {
		why := "all " + where + " goes with it"
		if n := count(c.before, is); n > 0 {
			why += fmt.Sprintf(", of which Git shows %d", n)
		}
		if n := count(c.after, is); n > 0 {
			why += fmt.Sprintf("; %d of these Flux is still to apply", n)
		}
		return []Mark{{Kind: "contents", Why: why}}
	}
	switch fleet.GroupKind(o.Group, o.Kind) {
	case "Namespace":
		return tell("that is in the Namespace", func(_, namespace string, _ *fleet.Object) bool {
			return namespace == o.Name
		})
	case "CustomResourceDefinition.apiextensions.k8s.io":
		kind, of := textAt(o.Content, "spec", "names", "kind"), textAt(o.Content, "spec", "group")
		return tell("of its kind", func(other, _ string, _ *fleet.Object) bool {
			return kind != "" && other == fleet.GroupKind(of, kind)
		})
	case "PersistentVolumeClaim":
		return []Mark{{Kind: "contents",
			Why: "what is stored in its volume goes with it, unless that is to be retained"}}
	}
	return nil
}
