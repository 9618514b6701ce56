package loader

import (
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// keepsReferences tells whether kustomize leaves the names of other objects in an object as they are, where no name
// changes. It writes into mappings that hold a name, and fails on what has not the form of a reference.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 filters/nameref/nameref.go setScalar and setMapping,
// filters/fieldspec/fieldspec.go.
func keepsReferences(apiVersion, kind string, root *yaml.Node) bool {
	if kind == "Service" && apiVersion != "v1" || slices.Contains(rewritten, kind) { // Knative's Service has a pod too
		return false
	}
	paths, refers := references[kind]
	if !refers {
		return true
	}
	if labels := child(child(root, "metadata"), "labels"); labels != nil &&
		slices.ContainsFunc(labels.Content, func(n *yaml.Node) bool {
			return n.Tag != "!!str"
		}) {
		return false // the library wants them as texts before it looks for references
	}
	return !slices.ContainsFunc(paths, func(path string) bool { return !leadsToNames(root, strings.Split(path, "/")) })
}

// leadsToNames tells whether a path leads to nothing but scalars, through mappings and lists of them, as
// far as it leads anywhere.
func leadsToNames(n *yaml.Node, path []string) bool {
	switch {
	case n == nil:
		return true
	case n.Kind == yaml.ScalarNode:
		return len(path) == 0 || n.Tag == "!!null"
	case n.Kind == yaml.SequenceNode && len(path) == 0:
		return !slices.ContainsFunc(n.Content, func(item *yaml.Node) bool {
			return item.Kind != yaml.ScalarNode || item.Tag == "!!null"
		})
	case n.Kind == yaml.SequenceNode:
		return !slices.ContainsFunc(n.Content, func(item *yaml.Node) bool { return !leadsToNames(item, path) })
	case n.Kind == yaml.MappingNode && len(path) > 0:
		return leadsToNames(child(n, path[0]), path[1:])
	}
	return false
}

// rewritten are the kinds in which kustomize writes namespaces beside names.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 internal/konfig/builtinpluginconsts/namespace.go.
var rewritten = []string{"APIService", "ClusterRoleBinding", "MutatingWebhookConfiguration", "Node", "RoleBinding",
	"ValidatingWebhookConfiguration"}

// references are the fields in which kustomize looks for the names of other objects, by default, by kind.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 internal/konfig/builtinpluginconsts/namereference.go.
var references = map[string][]string{
	"ClusterRole":             {"rules/resourceNames"},
	"CronJob":                 below("spec/jobTemplate/spec/template/spec/", inPod...),
	"DaemonSet":               below("spec/template/spec/", inPod...),
	"Deployment":              below("spec/template/spec/", inPod...),
	"HorizontalPodAutoscaler": {"spec/scaleTargetRef/name"},
	"Ingress": below("spec/", "tls/secretName", "rules/http/paths/backend/serviceName",
		"backend/serviceName", "rules/http/paths/backend/service/name", "defaultBackend/service/name",
		"ingressClassName"),
	"Job":                   below("spec/template/spec/", inPod...),
	"PersistentVolume":      below("spec/", "azureFile/secretName", "storageClassName"),
	"PersistentVolumeClaim": below("spec/", "volumeName", "storageClassName"),
	"Pod":                   below("spec/", inPod...),
	"PodTemplate":           below("template/spec/", inPod...),
	"ReplicaSet":            below("spec/template/spec/", inPod...),
	"ReplicationController": below("spec/template/spec/", inPod...),
	"Role":                  {"rules/resourceNames"},
	"ServiceAccount":        {"imagePullSecrets/name"},
	"StatefulSet": append(below("spec/template/spec/", inPod...), "spec/serviceName",
		"spec/volumeClaimTemplates/spec/storageClassName"),
	"StorageClass": below("parameters/", "secretName", "adminSecretName", "userSecretName",
		"secretRef"),
	"ValidatingAdmissionPolicyBinding": {"spec/policyName"},
}

// inPod are those fields of a pod.
var inPod = []string{
	"volumes/configMap/name", "volumes/secret/secretName", "volumes/persistentVolumeClaim/claimName",
	"volumes/projected/sources/configMap/name", "volumes/projected/sources/secret/name",
	"containers/env/valueFrom/configMapKeyRef/name", "containers/env/valueFrom/secretKeyRef/name",
	"containers/envFrom/configMapRef/name", "containers/envFrom/secretRef/name",
	"initContainers/env/valueFrom/configMapKeyRef/name", "initContainers/env/valueFrom/secretKeyRef/name",
	"initContainers/envFrom/configMapRef/name", "initContainers/envFrom/secretRef/name",
	"imagePullSecrets/name", "serviceAccountName", "priorityClassName",
}

func below(prefix string, fields ...string) []string {
	var all []string
	for _, field := range fields {
		all = append(all, prefix+field)
	}
	return all
}
