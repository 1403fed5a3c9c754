{{- define "millrace.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "millrace.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "millrace.selector" . }}
{{- end }}

{{- define "millrace.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "millrace.secret" -}}
{{ required "set secretName" .Values.secretName }}
{{- end }}

{{- define "millrace.houseImage" -}}
{{ .Values.image.registry }}{{ .Values.image.house }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "millrace.natsUrl" -}}
{{- $scheme := ternary "tls" "nats" (ne .Values.nats.tls.secret "") -}}
{{- $name := include "millrace.name" . -}}
{{- if .Values.nats.enabled -}}
{{- $urls := list -}}
{{- range $i := until (int .Values.nats.replicas) -}}
{{- $urls = append $urls (printf "%s://%s-nats-%d.%s-nats.%s.svc:4222" $scheme $name $i $name $.Release.Namespace) -}}
{{- end -}}
{{ join "," $urls }}
{{- else -}}
{{ required "set nats.url, or nats.enabled" .Values.nats.url }}
{{- end -}}
{{- end }}

{{/* Settings that every process has; takes a dict of root and drainTimeoutMs. */}}
{{- define "millrace.commonEnv" -}}
- name: MILLRACE_NATS_URL
  value: {{ include "millrace.natsUrl" .root | quote }}
- name: MILLRACE_HEALTH_HOST
  value: "0.0.0.0"
- name: MILLRACE_HEALTH_PORT
  value: "9090"
- name: MILLRACE_LOG_LEVEL
  value: {{ .root.Values.logLevel | quote }}
- name: MILLRACE_DRAIN_TIMEOUT_MS
  value: {{ .drainTimeoutMs | int64 | quote }}
{{- with .root.Values.otlpEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .root.Values.nats.tls.secret }}
- name: MILLRACE_NATS_CA_FILE
  value: /run/secrets/nats-tls/ca.crt
{{- end }}
{{- end }}

{{/* Takes a dict of root and role. */}}
{{- define "millrace.recordEnv" -}}
- name: MILLRACE_NATS_CREDENTIALS_FILE
  value: /run/secrets/millrace/nats-{{ .role }}.creds
- name: MILLRACE_DATABASE_URL_FILE
  value: /run/secrets/millrace/database-url
- name: MILLRACE_DATABASE_POOL_SIZE
  value: {{ .root.Values.database.poolSize | quote }}
- name: MILLRACE_TOKEN_KEY_FILE
  value: /run/secrets/millrace/token-key
{{- end }}

{{- define "millrace.extraEnv" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* A process reads the secrets that it needs and no others; takes a dict of root and keys. */}}
{{- define "millrace.secretVolumes" -}}
- name: secrets
  secret:
    secretName: {{ include "millrace.secret" .root }}
    defaultMode: 288
    items:
      {{- range .keys }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- with .root.Values.nats.tls.secret }}
{{- if not $.withoutNats }}
- name: nats-tls
  secret:
    secretName: {{ . }}
    defaultMode: 288
    items:
      - { key: ca.crt, path: ca.crt }
{{- end }}
{{- end }}
- name: tmp
  emptyDir: { sizeLimit: 256Mi }
{{- end }}

{{- define "millrace.secretMounts" -}}
- { name: secrets, mountPath: /run/secrets/millrace, readOnly: true }
{{- if and .root.Values.nats.tls.secret (not .withoutNats) }}
- { name: nats-tls, mountPath: /run/secrets/nats-tls, readOnly: true }
{{- end }}
- { name: tmp, mountPath: /tmp }
{{- end }}

{{- define "millrace.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "millrace.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Alive is a process that answers at all: an outage of the database or of NATS restarts nobody. */}}
{{- define "millrace.probes" -}}
startupProbe:
  httpGet: { path: /livez, port: health }
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 90
livenessProbe:
  httpGet: { path: /livez, port: health }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: health }
  periodSeconds: 5
  timeoutSeconds: 4
  failureThreshold: 3
{{- end }}

{{/* Takes a dict of root, component and spread (labels beyond the component's). */}}
{{- define "millrace.spread" -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "millrace.selector" $.root | nindent 8 }}
        app.kubernetes.io/component: {{ $.component }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}

{{/* Takes a dict of root and part (a component's values). */}}
{{- define "millrace.placement" -}}
serviceAccountName: {{ include "millrace.name" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .part.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .part.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Seconds from the start of a stop until the kubelet kills: the drain, what comes before it and a margin. */}}
{{- define "millrace.grace" -}}
{{ add (div (add (int64 .) 999) 1000) 15 }}
{{- end }}

{{- define "millrace.configAnnotations" -}}
millrace.dev/release: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* Ranges that user code and gateways may reach: everything that is not private. */}}
{{- define "millrace.publicRanges" -}}
- ipBlock: { cidr: 0.0.0.0/0, except: {{ toJson .Values.networkPolicies.privateRanges }} }
- ipBlock: { cidr: "::/0", except: ["fc00::/7", "fe80::/10"] }
{{- end }}
