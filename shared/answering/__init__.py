"""How a turn is answered: policy, retrieval, persona and model, policy again, reply.

Plain async functions over plain values: whoever calls loads the rows and commits the result. Start at `turn.py`.
"""
