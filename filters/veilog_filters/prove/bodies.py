"""One request and one response of each kind of model API, with every kind of text-bearing part they document.

Shapes only: their strings say nothing, since tests put their own in. Checked against the providers' API references.
"""

from __future__ import annotations

from typing import Any, Final

_DATA_URL: Final = "data:image/png;base64,iVBORw0KGgo="

REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "openai_chat": {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "a"},
            {"role": "developer", "content": [{"type": "text", "text": "b"}]},
            {"role": "user", "content": "c", "name": "ann"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "d"},
                    {"type": "image_url", "image_url": {"url": _DATA_URL, "detail": "low"}},
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                    {"type": "file", "file": {"filename": "e.pdf", "file_data": "AAAA", "file_id": "file-1"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "refusal": "f",
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "get", "arguments": '{"city": "g"}'}}
                ],
                "function_call": {"name": "get", "arguments": '{"city": "g"}'},
                "audio": {"id": "audio_1"},
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "h"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "get",
                    "description": "i",
                    "parameters": {
                        "type": "object",
                        "properties": {"city": {"type": "string", "description": "j", "enum": ["k"]}},
                    },
                },
            }
        ],
        "functions": [{"name": "get", "description": "l"}],
        "tool_choice": {"type": "function", "function": {"name": "get"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "m", "description": "n", "schema": {}}},
        "prediction": {"type": "content", "content": "o"},
        "metadata": {"ticket": "p"},
        "user": "u-1",
        "safety_identifier": "q",
        "prompt_cache_key": "r",
        "stop": ["s"],
        "stream": False,
        "temperature": 0.5,
        "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "t", "country": "DE"}}},
    },
    "openai_responses": {
        "model": "gpt-5",
        "instructions": "a",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "b"},
                    {"type": "input_image", "image_url": _DATA_URL},
                    {"type": "input_file", "filename": "c.pdf", "file_data": "AAAA"},
                ],
            },
            {
                "type": "message",
                "role": "assistant",
                "content": [
                    {
                        "type": "output_text",
                        "text": "d",
                        "annotations": [{"type": "url_citation", "title": "e", "url": "https://example.com/f"}],
                    }
                ],
            },
            {"type": "function_call", "call_id": "call_1", "name": "get", "arguments": '{"city": "g"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": "h"},
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "i"}],
                "encrypted_content": "AAAA",
            },
            {"type": "computer_call", "call_id": "call_2", "action": {"type": "type", "text": "j"}},
            {"type": "item_reference", "id": "msg_1"},
        ],
        "previous_response_id": "resp_1",
        "prompt": {"id": "pmpt_1", "version": "1", "variables": {"name": "k"}},
        "tools": [
            {
                "type": "mcp",
                "server_label": "l",
                "server_url": "https://mcp.example.com",
                "headers": {"Authorization": "m"},
            },
            {"type": "file_search", "vector_store_ids": ["vs_1"]},
        ],
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "metadata": {"ticket": "n"},
        "user": "u-1",
    },
    "openai_responses_text": {"model": "gpt-5", "input": "a", "instructions": "b"},
    "openai_completions": {"model": "gpt-3.5-turbo-instruct", "prompt": "a", "suffix": "b", "stop": "c", "user": "u"},
    "openai_completions_list": {"model": "davinci-002", "prompt": ["a", "b"], "max_tokens": 5},
    "openai_embeddings": {"model": "text-embedding-3-small", "input": ["a", "b"], "encoding_format": "float"},
    "openai_images": {"model": "dall-e-3", "prompt": "a", "size": "1024x1024", "style": "vivid"},
    "openai_speech": {"model": "tts-1", "input": "a", "voice": "alloy", "instructions": "b"},
    "openai_moderations": {"model": "omni-moderation-latest", "input": [{"type": "text", "text": "a"}]},
    "openai_assistants": {
        "assistant_id": "asst_1",
        "instructions": "a",
        "additional_messages": [{"role": "user", "content": "b"}],
        "thread": {"messages": [{"role": "user", "content": "c"}]},
    },
    "openai_realtime": {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
    },
    "openai_batch": {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "b"}]},
    },
    "anthropic": {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "b"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "c", "signature": "AAAA"},
                    {"type": "text", "text": "d"},
                    {"type": "tool_use", "id": "toolu_1", "name": "get", "input": {"city": "e"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "content": [{"type": "text", "text": "f"}],
                        "is_error": False,
                    }
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "document",
                        "title": "g",
                        "context": "h",
                        "source": {"type": "text", "media_type": "text/plain", "data": "i"},
                    },
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                    {"type": "search_result", "title": "j", "source": "k", "content": [{"type": "text", "text": "l"}]},
                ],
            },
        ],
        "tools": [
            {
                "name": "get",
                "description": "m",
                "input_schema": {"type": "object", "properties": {"city": {"description": "n"}}},
            }
        ],
        "stop_sequences": ["o"],
        "metadata": {"user_id": "u-1"},
    },
    "anthropic_legacy": {"model": "claude-2.1", "prompt": "\n\nHuman: a\n\nAssistant:", "max_tokens_to_sample": 10},
    "gemini": {
        "systemInstruction": {"parts": [{"text": "a"}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "b"},
                    {"inlineData": {"mimeType": "text/plain", "data": "AAAA"}},
                    {"fileData": {"mimeType": "a/b", "fileUri": "gs://c/d"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"name": "get", "args": {"city": "e"}}},
                    {"executableCode": {"language": "PYTHON", "code": "f"}},
                    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "g"}},
                    {"text": "h", "thought": True},
                ],
            },
            {"role": "user", "parts": [{"functionResponse": {"name": "get", "response": {"content": "i"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "get", "description": "j", "parameters": {"type": "OBJECT"}}]}],
        "generationConfig": {"stopSequences": ["k"], "responseSchema": {"description": "l"}},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "labels": {"team": "m"},
        "cachedContent": "cachedContents/n",
    },
    "gemini_snake": {"system_instruction": {"parts": {"text": "a"}}, "contents": {"parts": {"text": "b"}}},
    "vertex_predict": {
        "instances": [
            {
                "prompt": "a",
                "content": "b",
                "context": "c",
                "examples": [{"input": {"content": "d"}, "output": {"content": "e"}}],
                "messages": [{"author": "user", "content": "f"}],
            }
        ],
        "parameters": {"temperature": 0.2},
    },
    "ollama_chat": {
        "model": "llama3.2",
        "messages": [
            {"role": "system", "content": "a"},
            {"role": "user", "content": "b", "images": ["AAAA"]},
            {"role": "tool", "tool_name": "get", "content": "c"},
        ],
        "format": "json",
        "options": {"stop": ["d"]},
        "keep_alive": "5m",
    },
    "ollama_generate": {
        "model": "llama3.2",
        "system": "a",
        "prompt": "b",
        "suffix": "c",
        "template": "d",
        "raw": False,
        "context": [1, 2],
    },
    "bedrock_converse": {
        "modelId": "anthropic.claude-3-haiku-20240307-v1:0",
        "system": [{"text": "a"}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "b"},
                    {"document": {"name": "c", "format": "txt", "source": {"text": "d"}}},
                    {"guardContent": {"text": {"text": "e"}}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"toolUse": {"toolUseId": "t-1", "name": "get", "input": {"city": "f"}}},
                    {"reasoningContent": {"reasoningText": {"text": "g", "signature": "AAAA"}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "toolResult": {
                            "toolUseId": "t-1",
                            "content": [{"json": {"weather": "h"}}, {"text": "i"}],
                            "status": "success",
                        }
                    }
                ],
            },
        ],
        "toolConfig": {"tools": [{"toolSpec": {"name": "get", "description": "j", "inputSchema": {"json": {}}}}]},
        "promptVariables": {"name": {"text": "k"}},
        "requestMetadata": {"team": "l"},
        "additionalModelRequestFields": {"top_k": 5},
        "inferenceConfig": {"maxTokens": 10, "stopSequences": ["m"]},
    },
    "bedrock_titan": {"inputText": "a", "textGenerationConfig": {"stopSequences": ["b"], "maxTokenCount": 9}},
    "bedrock_llama": {"prompt": "a", "max_gen_len": 9},
    "bedrock_mistral": {"prompt": "<s>[INST] a [/INST]", "stop": ["b"]},
    "bedrock_nova": {
        "schemaVersion": "messages-v1",
        "system": [{"text": "a"}],
        "messages": [{"role": "user", "content": [{"text": "b"}]}],
        "inferenceConfig": {"maxTokens": 9},
    },
    "bedrock_image": {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a", "negativeText": "b"}},
    "bedrock_agent": {
        "inputText": "a",
        "sessionState": {"sessionAttributes": {"b": "c"}, "promptSessionAttributes": {"d": "e"}},
        "agentId": "f",
    },
    "cohere_v1": {
        "model": "command-r",
        "message": "a",
        "preamble": "b",
        "chat_history": [{"role": "USER", "message": "c"}, {"role": "CHATBOT", "message": "d"}],
        "documents": [{"title": "e", "snippet": "f"}],
        "connectors": [{"id": "web-search"}],
        "search_queries": [{"text": "g"}],
    },
    "cohere_v2": {
        "model": "command-a-03-2025",
        "messages": [
            {"role": "user", "content": "a"},
            {
                "role": "assistant",
                "tool_plan": "b",
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "get", "arguments": '{"c": "d"}'}}],
            },
            {"role": "tool", "tool_call_id": "1", "content": [{"type": "document", "document": {"data": "e"}}]},
        ],
        "documents": ["f"],
    },
    "cohere_embed": {"model": "embed-english-v3.0", "texts": ["a", "b"], "input_type": "search_query"},
    "rerank": {"model": "rerank-v3.5", "query": "a", "documents": ["b", {"text": "c"}], "top_n": 1},
    "tgi": {"inputs": "a", "parameters": {"stop": ["b"], "max_new_tokens": 9}},
    "hugging_face": {
        "inputs": {
            "question": "a",
            "context": "b",
            "past_user_inputs": ["c"],
            "generated_responses": ["d"],
            "text": "e",
        }
    },
    "llama_cpp": {"prompt": "a", "n_predict": 9, "grammar": "b", "input_prefix": "c", "input_suffix": "d"},
    "vllm_chat": {
        "model": "m",
        "messages": [{"role": "user", "content": "a"}],
        "guided_regex": "b",
        "guided_choice": ["c"],
        "chat_template": "d",
    },
    "mistral_fim": {"model": "codestral-2501", "prompt": "a", "suffix": "b", "stop": "c"},
    "watsonx": {"model_id": "ibm/granite-13b-chat-v2", "input": "a", "project_id": "b", "moderations": {}},
    "langchain": {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", "HumanMessage"],
        "kwargs": {"content": "a", "additional_kwargs": {"b": "c"}},
    },
    "dify": {"inputs": {"name": "a"}, "query": "b", "user": "c", "conversation_id": "", "response_mode": "blocking"},
    "rag": {"question": "a", "history": [["b", "c"], ["d", "e"]], "top_k": 3, "filters": {"department": "f"}},
    "graphql": {
        "operationName": "Ask",
        "query": "mutation Ask($q: String!) { ask(q: $q) { answer } }",
        "variables": {"q": "a"},
    },
    "json_rpc": {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "get", "arguments": {"city": "a"}, "_meta": {"progressToken": "b"}},
    },
    "agent_card": {
        "jsonrpc": "2.0",
        "id": "1",
        "method": "message/send",
        "params": {
            "message": {
                "role": "user",
                "parts": [{"kind": "text", "text": "a"}, {"kind": "data", "data": {"b": "c"}}],
                "messageId": "d",
            }
        },
    },
}

RESPONSES: Final[dict[str, dict[str, Any]]] = {
    "openai_chat": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_740_994_863,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "a",
                    "refusal": "b",
                    "reasoning_content": "c",
                    "annotations": [
                        {"type": "url_citation", "url_citation": {"title": "d", "url": "https://example.com/e"}}
                    ],
                    "audio": {"id": "audio_1", "transcript": "f", "data": "AAAA"},
                    "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "get", "arguments": '{"city": "g"}'}}
                    ],
                },
                "logprobs": {"content": [{"token": "h", "bytes": [104], "top_logprobs": [{"token": "i"}]}]},
                "finish_reason": "stop",
                "content_filter_results": {
                    "hate": {"filtered": False, "severity": "safe"},
                    "custom_blocklists": {"details": [{"id": "j"}]},
                },
            }
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
        "system_fingerprint": "fp_1",
        "service_tier": "default",
    },
    "openai_chunk": {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-4o",
        "choices": [
            {
                "index": 0,
                "delta": {
                    "role": "assistant",
                    "content": "a",
                    "tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "get", "arguments": '{"b'}}],
                },
                "finish_reason": None,
            }
        ],
    },
    "openai_completions": {
        "id": "cmpl-1",
        "object": "text_completion",
        "model": "m",
        "choices": [
            {
                "text": "a",
                "index": 0,
                "finish_reason": "length",
                "logprobs": {"tokens": ["b"], "top_logprobs": [{"c": -1.0}]},
            }
        ],
    },
    "openai_responses": {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt-5",
        "instructions": "a",
        "output": [
            {
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "b"}, {"type": "refusal", "refusal": "c"}],
            },
            {"type": "web_search_call", "action": {"type": "search", "query": "d"}},
            {"type": "code_interpreter_call", "code": "e", "outputs": [{"type": "logs", "logs": "f"}]},
            {"type": "mcp_call", "name": "get", "server_label": "g", "arguments": "{}", "output": "h", "error": "i"},
        ],
        "output_text": "j",
        "error": {"code": "server_error", "message": "k"},
        "incomplete_details": {"reason": "max_output_tokens"},
        "usage": {"input_tokens": 1, "output_tokens": 2},
    },
    "openai_images": {
        "created": 1,
        "data": [{"url": "https://example.com/a.png", "revised_prompt": "b", "b64_json": "AAAA"}],
    },
    "openai_transcription": {
        "text": "a",
        "language": "de",
        "segments": [{"id": 0, "text": "b"}],
        "words": [{"word": "c"}],
    },
    "openai_error": {
        "error": {"message": "a", "type": "invalid_request_error", "param": "b", "code": "context_length_exceeded"}
    },
    "anthropic": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [
            {
                "type": "text",
                "text": "a",
                "citations": [{"type": "char_location", "cited_text": "b", "document_title": "c"}],
            },
            {"type": "tool_use", "id": "toolu_1", "name": "get", "input": {"city": "d"}},
            {"type": "thinking", "thinking": "e", "signature": "AAAA"},
        ],
        "stop_reason": "stop_sequence",
        "stop_sequence": "f",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    },
    "anthropic_event": {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "a", "partial_json": "b"},
    },
    "anthropic_error": {"type": "error", "error": {"type": "overloaded_error", "message": "a"}, "request_id": "req_1"},
    "gemini": {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [{"text": "a"}, {"functionCall": {"name": "get", "args": {"b": "c"}}}],
                },
                "finishReason": "STOP",
                "finishMessage": "d",
                "citationMetadata": {"citations": [{"title": "e", "uri": "https://example.com"}]},
                "groundingMetadata": {
                    "webSearchQueries": ["f"],
                    "groundingChunks": [{"web": {"title": "g", "uri": "https://example.com/h"}}],
                    "groundingSupports": [{"segment": {"text": "i"}}],
                },
            }
        ],
        "promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "j"},
        "modelVersion": "gemini-2.5-flash",
        "responseId": "k",
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2},
    },
    "vertex_predict": {
        "predictions": [
            {"content": "a", "candidates": [{"author": "b", "content": "c"}], "citationMetadata": {"citations": []}}
        ],
        "deployedModelId": "1",
        "model": "d",
    },
    "ollama_chat": {
        "model": "llama3.2",
        "created_at": "2026-01-01T00:00:00Z",
        "message": {
            "role": "assistant",
            "content": "a",
            "thinking": "b",
            "tool_calls": [{"function": {"name": "get", "arguments": {"c": "d"}}}],
        },
        "done": True,
        "done_reason": "stop",
        "eval_count": 3,
    },
    "ollama_generate": {"model": "llama3.2", "response": "a", "thinking": "b", "done": True, "done_reason": "stop"},
    "bedrock_converse": {
        "output": {
            "message": {
                "role": "assistant",
                "content": [{"text": "a"}, {"toolUse": {"toolUseId": "t", "name": "get", "input": {"b": "c"}}}],
            }
        },
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 2},
        "trace": {
            "guardrail": {
                "modelOutput": ["d"],
                "inputAssessment": {"e": {"wordPolicy": {"customWords": [{"match": "f"}]}}},
            }
        },
    },
    "bedrock_titan": {"inputTextTokenCount": 1, "results": [{"outputText": "a", "completionReason": "FINISH"}]},
    "bedrock_llama": {"generation": "a", "prompt_token_count": 1, "generation_token_count": 2, "stop_reason": "stop"},
    "bedrock_mistral": {"outputs": [{"text": "a", "stop_reason": "stop"}]},
    "bedrock_agent": {
        "completion": "a",
        "citations": [
            {
                "generatedResponsePart": {"textResponsePart": {"text": "b"}},
                "retrievedReferences": [{"content": {"text": "c"}}],
            }
        ],
        "trace": {"orchestrationTrace": {"rationale": {"text": "d"}}},
    },
    "cohere_v1": {
        "text": "a",
        "generation_id": "b",
        "finish_reason": "COMPLETE",
        "chat_history": [{"role": "USER", "message": "c"}],
        "citations": [{"text": "d"}],
        "search_queries": [{"text": "e"}],
        "meta": {"tokens": {"input_tokens": 1}},
    },
    "cohere_v2": {
        "id": "a",
        "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "b"}], "tool_plan": "c"},
        "usage": {"tokens": {"input_tokens": 1, "output_tokens": 2}},
    },
    "tgi": {
        "generated_text": "a",
        "details": {"finish_reason": "length", "tokens": [{"id": 1, "text": "b"}], "prefill": [{"text": "c"}]},
    },
    "llama_cpp": {
        "content": "a",
        "stop": True,
        "stopping_word": "b",
        "prompt": "c",
        "generation_settings": {"grammar": "d", "stop": ["e"]},
        "model": "f.gguf",
        "tokens_predicted": 3,
    },
    "watsonx": {
        "results": [{"generated_text": "a", "stop_reason": "eos_token"}],
        "system": {"warnings": [{"message": "b"}]},
    },
    "dify": {
        "event": "message",
        "answer": "a",
        "metadata": {"retriever_resources": [{"content": "b", "document_name": "c"}]},
    },
    "rag": {"answer": "a", "sources": [{"title": "b", "text": "c"}], "follow_up_questions": ["d"]},
    "graphql": {"data": {"ask": {"answer": "a"}}, "errors": [{"message": "b", "path": ["c"]}]},
    "json_rpc": {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "content": [
                {"type": "text", "text": "a"},
                {"type": "resource", "resource": {"uri": "file:///b", "text": "c"}},
            ],
            "structuredContent": {"d": "e"},
        },
        "error": {"code": -32001, "message": "f", "data": {"g": "h"}},
    },
}
