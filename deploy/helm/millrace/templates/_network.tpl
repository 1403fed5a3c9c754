{{- define "millrace.peer" -}}
podSelector:
  matchLabels:
    {{- include "millrace.selector" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- define "millrace.policyHead" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "millrace.name" .root }}-{{ .component }}
  labels:
    {{- include "millrace.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  podSelector:
    matchLabels:
      {{- include "millrace.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  policyTypes: [Ingress, Egress]
{{- end }}
{{- define "millrace.toNats" -}}
- ports: [{ protocol: TCP, port: {{ ternary 4222 (int .Values.networkPolicies.natsPort) .Values.nats.enabled }} }]
  {{- if .Values.nats.enabled }}
  to:
    - {{ include "millrace.peer" (dict "root" . "component" "nats") | nindent 6 | trim }}
  {{- else if .Values.networkPolicies.natsRanges }}
  to:
    {{- range .Values.networkPolicies.natsRanges }}
    - ipBlock: { cidr: {{ . | quote }} }
    {{- end }}
  {{- end }}
{{- end }}
{{- define "millrace.toRecord" -}}
- ports: [{ protocol: TCP, port: {{ ternary 5432 (int .Values.networkPolicies.databasePort) .Values.postgres.enabled }} }]
  {{- if .Values.postgres.enabled }}
  to:
    - {{ include "millrace.peer" (dict "root" . "component" "postgres") | nindent 6 | trim }}
  {{- else if .Values.networkPolicies.databaseRanges }}
  to:
    {{- range .Values.networkPolicies.databaseRanges }}
    - ipBlock: { cidr: {{ . | quote }} }
    {{- end }}
  {{- end }}
{{- end }}
{{- define "millrace.fromMonitoring" -}}
- ports: [{ protocol: TCP, port: 9090 }]
  from:
    - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: {{ .Values.networkPolicies.monitoringNamespace }} } }
{{- end }}
