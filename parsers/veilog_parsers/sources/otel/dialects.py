"""The dialects of OpenTelemetry in which calls of models, agents and tools are told: one table, in which each is rows.

``facts`` has the facts and the form of the rows, ``otel_messages`` the texts. Where it is not said otherwise, names are
those of the documents below, as they were in November 2026.

Within a fact, the current conventions come first, then those that instrumentations had before, then vendors' own: a
record often has several, and the vendors' repeat the conventions, or add to them.
"""

from __future__ import annotations

from typing import Final

from veilog_parsers.sources.otel.facts import Table

REFERENCES: Final = (
    "https://opentelemetry.io/docs/specs/semconv/gen-ai/",
    "https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/registry/attributes/gen-ai.md",
    "https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md",
    "https://docs.fluentbit.io/manual/data-pipeline/inputs/opentelemetry",
    "https://ai-sdk.dev/docs/ai-sdk-core/telemetry",
    "https://github.com/mlflow/mlflow/blob/master/mlflow/tracing/constant.py",
    "https://langfuse.com/integrations/native/opentelemetry#property-mapping",
    "https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai/models/instrumented.py",
    "https://github.com/pydantic/logfire/blob/main/logfire/_internal/integrations/llm_providers/openai.py",
    "https://github.com/google/adk-python/blob/main/src/google/adk/telemetry/tracing.py",
)

_SEMANTIC_CONVENTIONS: Final = """
    aws.request_id                                request_id
    gen_ai.provider.name                          provider
    gen_ai.system                                 provider
    gen_ai.operation.name                         operation
    gen_ai.request.model                          model_name
    gen_ai.response.model                         model_version
    gen_ai.response.id                            request_id
    gen_ai.tool.call.id                           request_id
    gen_ai.conversation.id                        conversation_id
    gen_ai.agent.id                               agent.id
    gen_ai.agent.name                             agent.name
    gen_ai.agent.version                          agent.version
    gen_ai.tool.name                              tool
    mcp.method.name                               mcp.method
    mcp.session.id                                session_id
    gen_ai.data_source.id                         data_sources
    aws.bedrock.knowledge_base.id                 knowledge_base_id
    aws.bedrock.guardrail.id                      guardrail
    gen_ai.retrieval.documents                    document_ids
    gen_ai.tool.definitions                       tools_offered
    gen_ai.request.stream                         stream
    gen_ai.response.time_to_first_chunk           time_to_first_token_seconds
    gen_ai.client.operation.time_to_first_chunk   time_to_first_token_seconds
    gen_ai.usage.input_tokens                     input_tokens
    gen_ai.usage.output_tokens                    output_tokens
    gen_ai.usage.cache_read.input_tokens          cached_input_tokens
    gen_ai.usage.cache_creation.input_tokens      cache_write_tokens
    gen_ai.usage.reasoning.output_tokens          reasoning_tokens
    gen_ai.usage.audio.input_tokens               input_audio_tokens
    gen_ai.usage.audio.output_tokens              output_audio_tokens
    gen_ai.usage.image.input_tokens               input_image_tokens
    gen_ai.response.finish_reasons                finish_reasons
    http.response.status_code                     http_status
    user.id                                       user_id
    enduser.id                                    user_id
    user.email                                    user_email
    user.name                                     user_name
    user.full_name                                user_name
    session.id                                    session_id
    client.address                                client_ip
    user_agent.original                           user_agent
    url.full                                      endpoint
    server.address                                endpoint
    cloud.region                                  cloud.region
    aws.region                                    cloud.region

    gen_ai.system_instructions                    system_messages
    gen_ai.input.messages                         prompt_messages
    gen_ai.output.messages                        response_messages
    gen_ai.retrieval.query.text                   prompt_text
    gen_ai.memory.query.text                      prompt_text
    gen_ai.tool.call.arguments                    input
    gen_ai.tool.call.result                       output

    error.type                                    word
    event.name                                    word
    gen_ai.tool.definitions                       json
    gen_ai.agent.description                      secret
    gen_ai.client.operation.*                     number
    gen_ai.execute_tool.duration                  number
    gen_ai.output.type                            schema
    gen_ai.request.*                              plain
    gen_ai.response.*                             plain
    gen_ai.token.type                             word
    gen_ai.tool.description                       secret
    gen_ai.tool.type                              word
    gen_ai.usage.cache_*                          plain
    gen_ai.usage.details.*                        plain
    gen_ai.usage.text.*                           number
    gen_ai.usage.video.*                          number
    gen_ai.workflow.name                          word
    jsonrpc.protocol.version                      word
    jsonrpc.request.id                            word
    mcp.protocol.version                          word
    openai.api.type                               word
    openai.request.service_tier                   word
    openai.response.service_tier                  word
    openai.response.system_fingerprint            word
    rpc.*                                         word
    server.port                                   number
"""

_BEFORE_AND_TRACELOOP: Final = """
    llm.vendor                                            provider
    llm.request.type                                      operation
    traceloop.span.kind                                   operation
    llm.request.model                                     model_name
    llm.response.model                                    model_version
    traceloop.entity.name                                 tool
    gen_ai.openai.thread.id                               conversation_id
    traceloop.association.properties.conversation_id      conversation_id
    traceloop.association.properties.thread_id            conversation_id
    gen_ai.user                                           user_id
    gen_ai.openai.request.user                            user_id
    traceloop.association.properties.user_id              user_id
    traceloop.association.properties.session_id           session_id
    http.url                                              endpoint
    gen_ai.openai.api_base                                endpoint
    gen_ai.request.base_url                               endpoint
    http.status_code                                      http_status
    gen_ai.is_streaming                                   stream
    llm.is_streaming                                      stream
    gen_ai.usage.prompt_tokens                            input_tokens
    gen_ai.usage.completion_tokens                        output_tokens
    gen_ai.usage.total_tokens                             token_count
    llm.usage.prompt_tokens                               input_tokens
    llm.usage.completion_tokens                           output_tokens
    llm.usage.total_tokens                                token_count
    gen_ai.usage.cache_read_input_tokens                  cached_input_tokens
    gen_ai.usage.cached_input_tokens                      cached_input_tokens
    gen_ai.usage.cache_write.input_tokens                 cache_write_tokens
    gen_ai.usage.cache_creation_input_tokens              cache_write_tokens
    gen_ai.usage.reasoning_tokens                         reasoning_tokens
    gen_ai.usage.reasoning_output_tokens                  reasoning_tokens
    gen_ai.usage.cost                                     cost_usd
    gen_ai.response.finish_reason                         finish_reasons

    gen_ai.prompt                                         older_prompt
    gen_ai.prompt.#                                       traceloop_prompts
    gen_ai.completion                                     older_response
    gen_ai.completion.#                                   traceloop_responses
    llm.prompts                                           older_prompt
    llm.request.functions.#                               tools
    traceloop.entity.input                                input
    traceloop.entity.output                               output
    gen_ai.task.input                                     input
    gen_ai.task.output                                    output
    gen_ai.bedrock.guardrail.input_filter                 bedrock_guardrail
    gen_ai.bedrock.guardrail.output_filter                bedrock_guardrail
    gen_ai.prompt.prompt_filter_results                   azure_filter

    gen_ai.headers                                        secret
    gen_ai.openai.api_version                             word
    gen_ai.openai.response.system_fingerprint             word
    gen_ai.openai.system_fingerprint                      word
    gen_ai.prompt.prompt_filter_results                   plain
    gen_ai.prompt_caching                                 plain
    llm.headers                                           secret
    llm.request.*                                         plain
    llm.response.*                                        plain
    llm.usage.*                                           plain
    traceloop.entity.path                                 word
    traceloop.workflow.name                               word
"""

_OPENINFERENCE: Final = """
    llm.provider                                  provider
    llm.system                                    provider
    openinference.span.kind                       operation
    llm.model_name                                model_name
    embedding.model_name                          model_name
    reranker.model_name                           model_name
    agent.name                                    agent.name
    tool.name                                     tool
    llm.user                                      user_id
    llm.token_count.prompt                        input_tokens
    llm.token_count.completion                    output_tokens
    llm.token_count.total                         token_count
    llm.token_count.prompt_details.cache_read     cached_input_tokens
    llm.token_count.prompt_details.cache_write    cache_write_tokens
    llm.token_count.prompt_details.audio          input_audio_tokens
    llm.token_count.completion_details.reasoning  reasoning_tokens
    llm.token_count.completion_details.audio      output_audio_tokens
    llm.cost.total                                cost_usd
    llm.finish_reason                             finish_reasons

    llm.input_messages.#                          openinference_prompts
    llm.output_messages                           older_response
    llm.output_messages.#                         openinference_responses
    llm.prompts.#                                 text_prompts
    llm.choices.#                                 text_responses
    embedding.embeddings.#                        embeddings
    retrieval.documents.#                         documents
    reranker.output_documents.#                   documents
    llm.tools.#                                   tools
    input.value                                   input
    output.value                                  output
    tool.parameters                               input

    input.mime_type                               word
    llm.cost.*                                    number
    llm.invocation_parameters                     json
    llm.prompt_template.variables                 word
    llm.prompt_template.version                   word
    llm.token_count.*                             plain
    output.mime_type                              word
    tool.description                              secret
    tool.id                                       word
"""

_VERCEL: Final = """
    ai.model.provider                             provider
    ai.operationId                                operation
    ai.model.id                                   model_name
    ai.response.model                             model_version
    ai.response.id                                request_id
    ai.toolCall.name                              tool
    ai.toolCall.id                                request_id
    ai.telemetry.metadata.userId                  user_id
    ai.telemetry.metadata.sessionId               session_id
    ai.settings.context.userId                    user_id
    ai.settings.context.sessionId                 session_id
    ai.telemetry.functionId                       agent.name
    ai.usage.inputTokens                          input_tokens
    ai.usage.outputTokens                         output_tokens
    ai.usage.promptTokens                         input_tokens
    ai.usage.completionTokens                     output_tokens
    ai.usage.totalTokens                          token_count
    ai.usage.tokens                               input_tokens
    ai.usage.cachedInputTokens                    cached_input_tokens
    ai.usage.inputTokenDetails.cacheReadTokens    cached_input_tokens
    ai.usage.inputTokenDetails.cacheWriteTokens   cache_write_tokens
    ai.usage.reasoningTokens                      reasoning_tokens
    ai.usage.outputTokenDetails.reasoningTokens   reasoning_tokens
    ai.response.finishReason                      finish_reasons
    ai.response.msToFirstChunk                    time_to_first_token_ms
    ai.stream.msToFirstChunk                      time_to_first_token_ms
    ai.prompt.tools                               tools_offered

    operation.name                                label
    resource.name                                 label
    ai.prompt                                     vercel_request
    ai.prompt.messages                            vercel_request
    ai.response.text                              response_text
    ai.response.reasoning                         response_text
    ai.response.object                            response_text
    ai.response.toolCalls                         vercel_tool_calls
    ai.toolCall.args                              input
    ai.toolCall.result                            output
    ai.value                                      prompt_texts
    ai.values                                     prompt_texts
    ai.documents                                  prompt_texts
    ai.embedding                                  vectors
    ai.embeddings                                 vectors

    ai.prompt.toolChoice                          plain
    ai.ranking                                    plain
    ai.ranking.type                               word
    ai.request.headers.*                          secret
    ai.response.avgCompletionTokensPerSecond      number
    ai.response.avgOutputTokensPerSecond          number
    ai.response.files                             blob
    ai.response.msToFinish                        number
    ai.response.providerMetadata                  secret
    ai.response.timestamp                         word
    ai.schema                                     json
    ai.schema.description                         secret
    ai.schema.name                                word
    ai.settings.*                                 word
    ai.usage.*                                    number
    operation.name                                word
    resource.name                                 word
"""

_MLFLOW: Final = """
    mlflow.llm.provider                                     provider
    mlflow.spanType                                         operation
    mlflow.llm.model                                        model_name
    mlflow.spanFunctionName                                 tool
    mlflow.trace.user                                       user_id
    mlflow.trace.session                                    session_id
    mlflow.chat.tools                                       tools_offered
    mlflow.chat.tokenUsage/input_tokens                     input_tokens
    mlflow.chat.tokenUsage/output_tokens                    output_tokens
    mlflow.chat.tokenUsage/total_tokens                     token_count
    mlflow.chat.tokenUsage/cache_read_input_tokens          cached_input_tokens
    mlflow.chat.tokenUsage/cache_creation_input_tokens      cache_write_tokens
    mlflow.llm.cost/total_cost                              cost_usd

    mlflow.spanInputs                                       input
    mlflow.spanOutputs                                      output

    mlflow.chat.tokenUsage                                  plain
    mlflow.experimentId                                     word
    mlflow.gateway.*                                        word
    mlflow.linkedPrompts                                    plain
    mlflow.llm.cost                                         plain
    mlflow.message.format                                   word
    mlflow.spanFunctionName                                 word
    mlflow.spanLogLevel                                     word
    mlflow.spanStartTimeNs                                  number
    mlflow.traceRequestId                                   word
"""

_LANGFUSE: Final = """
    langfuse.observation.type                                           operation
    langfuse.observation.model.name                                     model_name
    langfuse.user.id                                                    user_id
    langfuse.session.id                                                 session_id
    langfuse.observation.usage_details/input                            input_tokens
    langfuse.observation.usage_details/prompt_tokens                    input_tokens
    langfuse.observation.usage_details/input_tokens                     input_tokens
    langfuse.observation.usage_details/output                           output_tokens
    langfuse.observation.usage_details/completion_tokens                output_tokens
    langfuse.observation.usage_details/output_tokens                    output_tokens
    langfuse.observation.usage_details/total                            token_count
    langfuse.observation.usage_details/total_tokens                     token_count
    langfuse.observation.usage_details/input_cached_tokens              cached_input_tokens
    langfuse.observation.usage_details/cache_read_input_tokens          cached_input_tokens
    langfuse.observation.usage_details/input_cache_creation             cache_write_tokens
    langfuse.observation.usage_details/cache_creation_input_tokens      cache_write_tokens
    langfuse.observation.usage_details/output_reasoning_tokens          reasoning_tokens
    langfuse.observation.usage_details/reasoning_tokens                 reasoning_tokens
    langfuse.observation.cost_details/total                             cost_usd

    langfuse.observation.completion_start_time                          completion_start
    langfuse.observation.input                                          input
    langfuse.observation.output                                         output
    langfuse.trace.input                                                input
    langfuse.trace.output                                               output

    langfuse.environment                                                word
    langfuse.internal.*                                                 word
    langfuse.observation.cost_details                                   plain
    langfuse.observation.level                                          word
    langfuse.observation.metadata.*                                     word
    langfuse.observation.model.parameters                               secret
    langfuse.observation.prompt.name                                    word
    langfuse.observation.prompt.version                                 word
    langfuse.observation.usage_details                                  plain
    langfuse.release                                                    word
    langfuse.trace.metadata.*                                           word
    langfuse.trace.name                                                 word
    langfuse.trace.public                                               flag
    langfuse.trace.tags                                                 plain
    langfuse.version                                                    word
"""

_PYDANTIC: Final = """
    model_name                                        model_name
    agent_name                                        agent.name
    operation.cost                                    cost_usd
    model_request_parameters/function_tools           tools_offered

    pydantic_ai.all_messages                          conversation
    all_messages_events                               event_list
    events                                            event_list
    final_result                                      response_text
    tool_arguments                                    input
    tool_response                                     output
    request_data                                      request
    response_data                                     logfire_response

    code.*                                            word
    duration                                          number
    async                                             flag
    logfire.json_schema                               json
    logfire.level_num                                 number
    logfire.metrics                                   secret
    logfire.msg                                       secret
    logfire.msg_template                              secret
    logfire.span_type                                 word
    logfire.tags                                      plain
    model_request_parameters                          secret
    pydantic_ai.new_message_index                     number
    thread.id                                         number
    thread.name                                       word
"""

_AGENT_DEVELOPMENT_KIT: Final = """
    gcp.vertex.agent.session_id                       conversation_id
    gcp.vertex.agent.invocation_id                    request_id
    gcp.vertex.agent.event_id                         request_id

    gcp.vertex.agent.llm_request                      adk_request
    gcp.vertex.agent.data                             adk_request
    gcp.vertex.agent.llm_response                     adk_response
    gcp.vertex.agent.tool_call_args                   input
    gcp.vertex.agent.tool_response                    output
"""

DIALECTS: Final = Table(
    _SEMANTIC_CONVENTIONS
    + _BEFORE_AND_TRACELOOP
    + _OPENINFERENCE
    + _VERCEL
    + _MLFLOW
    + _LANGFUSE
    + _PYDANTIC
    + _AGENT_DEVELOPMENT_KIT
)

QUOTED: Final = ("langfuse.", "mlflow.", "ai.value")
"""Beginnings of attributes whose strings are JSON, in quotation marks, as their SDKs write every value."""
