package difftest

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// referring are fields in which kustomize looks for names of other objects, in each sort of object that has any, with
// some in which it does not look.
var referring = map[string][]string{
	"v1 Pod":                   ofPod("spec/"),
	"v1 PodTemplate":           ofPod("template/spec/"),
	"v1 ReplicationController": ofPod("spec/template/spec/"),
	"apps/v1 Deployment":       inPod("spec/template/spec/"),
	"apps/v1 DaemonSet":        ofPod("spec/template/spec/"),
	"apps/v1 ReplicaSet":       ofPod("spec/template/spec/"),
	"apps/v1 StatefulSet": append(ofPod("spec/template/spec/"), "spec/serviceName",
		"spec/volumeClaimTemplates[]/spec/storageClassName"),
	"batch/v1 Job":                           ofPod("spec/template/spec/"),
	"batch/v1 CronJob":                       ofPod("spec/jobTemplate/spec/template/spec/"),
	"serving.knative.dev/v1 Service":         ofPod("spec/template/spec/"),
	"autoscaling/v2 HorizontalPodAutoscaler": {"spec/scaleTargetRef/name"},
	"networking.k8s.io/v1 Ingress": {"spec/tls[]/secretName", "spec/rules[]/http/paths[]/backend/service/name",
		"spec/rules[]/http/paths[]/backend/serviceName",
		"spec/backend/serviceName", "spec/defaultBackend/service/name", "spec/ingressClassName",
		"metadata/annotations/nginx.ingress.kubernetes.io~1auth-secret"},
	"apiregistration.k8s.io/v1 APIService": {"spec/service/name"},
	"v1 ServiceAccount":                    {"imagePullSecrets[]/name", "secrets[]/name"},
	"v1 PersistentVolume": {
		"spec/azureFile/secretName", "spec/storageClassName", "spec/claimRef/name"},
	"v1 PersistentVolumeClaim": {"spec/volumeName", "spec/storageClassName"},
	"v1 Node":                  {"spec/configSource/configMap"},
	"storage.k8s.io/v1 StorageClass": {
		"parameters/secretName", "parameters/adminSecretName", "parameters/userSecretName", "parameters/secretRef"},
	"rbac.authorization.k8s.io/v1 Role":                                {"rules[]/resourceNames"},
	"rbac.authorization.k8s.io/v1 ClusterRole":                         {"rules[]/resourceNames"},
	"rbac.authorization.k8s.io/v1 RoleBinding":                         {"subjects", "roleRef/name"},
	"rbac.authorization.k8s.io/v1 ClusterRoleBinding":                  {"subjects", "roleRef/name"},
	"admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration":   {"webhooks[]/clientConfig/service"},
	"admissionregistration.k8s.io/v1 MutatingWebhookConfiguration":     {"webhooks[]/clientConfig/service"},
	"admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding": {"spec/policyName"},
	"example.com/v1 Deployment":                                        ofPod("spec/template/spec/"),
}

func inPod(prefix string) (all []string) {
	for _, field := range []string{"volumes[]/configMap/name", "volumes[]/secret/secretName",
		"volumes[]/persistentVolumeClaim/claimName",
		"volumes[]/projected/sources[]/configMap/name", "volumes[]/projected/sources[]/secret/name",
		"containers[]/env[]/valueFrom/configMapKeyRef/name", "containers[]/env[]/valueFrom/secretKeyRef/name",
		"containers[]/envFrom[]/configMapRef/name", "containers[]/envFrom[]/secretRef/name",
		"initContainers[]/env[]/valueFrom/configMapKeyRef/name", "initContainers[]/envFrom[]/secretRef/name",
		"imagePullSecrets[]/name", "serviceAccountName", "priorityClassName",
		"ephemeralContainers[]/envFrom[]/secretRef/name"} {
		all = append(all, prefix+field)
	}
	return all
}

// ofPod are some of those: what kustomize does with a pod hangs little on where it stands.
func ofPod(prefix string) []string { return inPod(prefix)[9:13] }

// values are what may stand where a name belongs, as flow YAML.
var values = []string{"x", "'x'", "\"1\"", "1", "elsewhere", "null", "''", "[x, elsewhere]", "[x, null]", "[[x]]",
	"{name: x}", "{name: x, namespace: here}", "[{name: x, kind: ServiceAccount}]", "{}", "[]", "true", "${NAME:-x}"}

// share is of how many forms one is tried in each field; all of them take five minutes.
const share = 4

// Where objects name others, in every field and in every form, right or wrong, kustomize leaves the names or
// fails, and so does the loader.
func TestReferences(t *testing.T) {
	for sort, fields := range referring {
		t.Run(sort, func(t *testing.T) {
			t.Parallel()
			_, kind, _ := strings.Cut(sort, " ")
			for i, field := range fields {
				first, _, _ := strings.Cut(field, "/")
				first = strings.TrimSuffix(first, "[]")
				g := namings{sort: sort, fsys: fstest.MapFS{}}
				g.build("metadata:\n  name: it\n"+first+": text", "")
				for j, value := range values {
					if (i+j+len(kind))%share != 0 {
						continue
					}
					g.build("metadata:\n  name: it\n"+leading(field, value), "")
					if (i+j)%3 == 0 {
						g.build("metadata:\n  name: it\n  namespace: there\n"+leading(field, value),
							"namespace: here\n")
						g.build("metadata:\n  name: it\n  labels: {a: "+value+"}\n"+leading(field, "x"), "")
					}
				}
				g.fsys["clusters/a/cluster.yaml"] = &fstest.MapFile{
					Data: []byte("apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n" +
						"metadata: {name: fleet, namespace: flux-system}\nspec: {url: 'https://git.example.test/fleet'}\n" +
						g.kustomizations)}
				compareTree(t, g.fsys)
			}
		})
	}
}

// namings is a tree of objects of one sort that name others, each beside those in a Kustomization of its own.
type namings struct {
	sort           string
	fsys           fstest.MapFS
	kustomizations string
}

func (g *namings) build(object, namespace string) {
	apiVersion, kind, _ := strings.Cut(g.sort, " ")
	name := fmt.Sprintf("b%d", len(g.fsys))
	for file, text := range map[string]string{
		"kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" + namespace +
			"resources: [object.yaml, named.yaml]\n",
		"object.yaml": fmt.Sprintf("apiVersion: %s\nkind: %s\n%s\n", apiVersion, kind, object),
		"named.yaml":  named,
	} {
		g.fsys["apps/"+name+"/"+file] = &fstest.MapFile{Data: []byte(text)}
	}
	g.kustomizations += fmt.Sprintf(
		"---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: %s, namespace: flux-system}\n"+
			"spec: {path: ./apps/%s, prune: true, sourceRef: {kind: GitRepository, name: fleet}}\n", name, name)
}

// named are objects of the sorts that others name.
const named = `apiVersion: v1
kind: ConfigMap
metadata:
  name: x
---
apiVersion: v1
kind: Secret
metadata:
  name: x
  namespace: here
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: x
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: x
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: "1"
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata:
  name: x
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: x
---
apiVersion: v1
kind: Service
metadata:
  name: x
  namespace: here
`

// leading is an object's text in which a path leads to a value, through lists where it has brackets.
func leading(path, value string) string {
	steps := strings.Split(path, "/")
	for i := len(steps) - 1; i >= 0; i-- {
		name, list := strings.CutSuffix(strings.ReplaceAll(steps[i], "~1", "/"), "[]")
		if list {
			value = "[" + value + "]"
		}
		value = name + ": " + value
		if i > 0 {
			value = "{" + value + "}"
		}
	}
	return value
}
